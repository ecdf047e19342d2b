/*
 * Reads the directories of a Maildir into a list.
 *
 * readdir is no snapshot: a message that another program renames meanwhile, because its
 * flags change, may be missed.  So a scan is repeated while the directories keep
 * changing, and what any round has met counts.
 */
#ifndef MAILDIR_SCAN_H
#define MAILDIR_SCAN_H

#include <stdbool.h>

#include "mailstore/maildir_list.h"
#include "mailstore/mailstore.h"

/*
 * Scan new and cur, whose descriptors are in dirs.  Without `frozen` the list is emptied,
 * all messages are added and sorted.  With it the list keeps its entries: those met get
 * MAILDIR_SEEN and the names they have now, the others MAILDIR_GONE.  list->view is set;
 * it is never settled when new messages were left out.  Logs what it fails at; MAIL_LIMIT
 * if there are more than options->max_messages.
 */
enum mail_status maildir_scan(struct maildir_list *list, const int dirs[MAILDIR_SUBS],
	bool frozen, const struct mail_options *options);

#endif
