/*
 * Giving messages unique-ids from outside, for the tools of an administrator.
 */
#ifndef IDS_GIVE_H
#define IDS_GIVE_H

#include <stddef.h>

#include "mailstore/mailstore.h"

/*
 * Let the n messages of a store that has been loaded have these ids from the next time it
 * is opened, instead of any that it has or would take over.  They must be valid; where
 * two are the same, the driver makes them distinct.  To be closed then: what was read of
 * it before does not hold any more.  MAIL_TEMP: logged, the old ids stand.
 */
enum mail_status mail_ids_give(
	struct mailstore *store, const char (*ids)[MAIL_UID_MAX + 1], size_t n);

/*
 * Let an mbox that will be where `to` is, which is locked and has none yet, have the ids
 * that mail_ids_give() has given to `from`, another mbox with the same messages.
 */
enum mail_status mail_ids_copy(struct mailstore *from, struct mailstore *to);

/*
 * Forget all ids that cannot be computed, and that other servers' were looked for: the
 * next session does that again.  Otherwise as above.
 */
enum mail_status mail_ids_forget(struct mailstore *store);

#endif
