/*
 * Counting all files of a Maildir++ and its folders, and writing maildirsize anew.
 *
 * There is no lock: those who deliver must not wait.  So what was counted is used only if
 * no directory, and no maildirsize, has changed meanwhile.
 */
#ifndef MAILDIR_QUOTA_COUNT_H
#define MAILDIR_QUOTA_COUNT_H

#include <stdint.h>

#include "mailstore/mailstore.h"

struct maildir_quota_usage {
	int64_t bytes, messages;
};

/*
 * Count as those who deliver do: sizes as in the names or else of the files; nothing in
 * the folder Trash and nothing marked as trashed.  MAIL_CHANGED: the directories did not
 * keep still.  Any other status than MAIL_OK is logged.
 */
enum mail_status maildir_quota_count(
	int root, const struct mail_options *options, struct maildir_quota_usage *usage);

/*
 * The same, and replace maildirsize, in the directory root, by that count under a
 * definition of a quota, one that maildir_quota_define() takes.  MAIL_CHANGED: another
 * program has used the Maildir all the time; what is there then is as good as it was.
 */
enum mail_status maildir_quota_recalculate(int root, const char *definition,
	const struct mail_options *options, struct maildir_quota_usage *usage);

#endif
