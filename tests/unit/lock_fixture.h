/* A directory for a lock file, and a log that counts. */
#ifndef LOCK_FIXTURE_H
#define LOCK_FIXTURE_H

#include "mailstore/lock_text.h"
#include "mailstore/session_lock.h"

#define LOCK_NAME "lock"

extern int lock_dirfd;
extern unsigned lock_logged;
extern char lock_last_log[256];
extern struct mail_options lock_options; /* lock_wait 0, lease 30 */

int lock_fixture_set_up(void **state);
int lock_fixture_tear_down(void **state);

/* session_lock_take() of the file. */
enum mail_status lock_take(struct session_lock *lock);

/* Replace the file's content, in place. */
void lock_put(const void *text, size_t n);

/* A text that this process might have written, changed by the caller, goes into the file.
 */
void lock_put_holder(const struct lock_holder *holder);
struct lock_holder lock_holder_elsewhere(void);

/* The text of the file. */
struct lock_holder lock_get(void);

/* Make the file look as if it was touched so many seconds ago. */
void lock_age(long seconds);

#endif
