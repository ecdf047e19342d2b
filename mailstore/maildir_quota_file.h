/*
 * The file maildirsize of a Maildir++, and what a session writes there.
 *
 * A session adds one line about all that it has removed.  It never counts the files of a
 * Maildir: that is for those who deliver, and for pop3ctl.  A file that is not there is
 * not made, since nobody has asked for a quota.  No failure here matters to the session:
 * a line that is missing makes the Maildir look fuller than it is, and whoever finds it
 * full counts again before he refuses mail.
 */
#ifndef MAILDIR_QUOTA_FILE_H
#define MAILDIR_QUOTA_FILE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>

#include "mailstore/maildir.h"
#include "mailstore/maildir_quota.h"

#define MAILDIR_QUOTA_FOLDER "maildirfolder" /* marks a folder of a Maildir++ */

/* Folders have no folders in them, but a program may have made some. */
#define MAILDIR_QUOTA_FOLDERS 4

/*
 * Open the directory whose maildirsize counts for the Maildir that new or cur, `sub`, is
 * in: that Maildir or, if it is a folder of a Maildir++, the one above.  *trash says
 * whether it is the folder whose messages do not count.  -1 with errno set, EPERM for a
 * directory above that is another user's.
 */
int maildir_quota_root(int sub, bool *trash);

/*
 * Open maildirsize.  -1 with *wrong NULL: there is none; else *wrong is a constant text
 * or that of an errno.  It is refused unless it is a regular file of this user's with one
 * name.  flags: O_RDWR | O_APPEND or O_RDONLY.
 */
int maildir_quota_open(int root, int flags, struct stat *st, const char **wrong);

/* Read an open one.  False: *wrong says why it cannot be used. */
bool maildir_quota_read(int fd, struct maildir_quota *q, const char **wrong);

/* What a session takes off the quota.  Start with maildir_quota_begin(). */
struct maildir_quota_debit {
	int fd;       /* -1: nobody counts */
	int64_t next; /* size of the message that is being removed; -1: does not count */
	int64_t bytes, messages;
};

/* Before messages are removed.  Logs what keeps an existing file from being used. */
void maildir_quota_begin(struct maildir_quota_debit *debit, const struct maildir *m);

/* Before one file is removed, by this name, and after that has succeeded. */
void maildir_quota_removing(struct maildir_quota_debit *debit, int dir, const char *name);
void maildir_quota_removed(struct maildir_quota_debit *debit);

/* Write the line, if something was removed.  Logs what it fails at. */
void maildir_quota_end(struct maildir_quota_debit *debit, const struct maildir *m);

#endif
