/*
 * The lock by which POP3 sessions exclude each other, and nobody else: a file with a
 * lock of the kernel on it (an open file description lock of fcntl), so that a holder
 * that dies leaves nothing behind.  The file's text names the holder for people to read:
 * host, boot id, pid, start time of the process.
 */
#ifndef SESSION_LOCK_H
#define SESSION_LOCK_H

#include "mailstore/mailstore.h"

/*
 * Lock `name` in the directory dirfd, waiting options->lock_wait seconds at the most.
 * Never follows a symbolic link.  MAIL_OK: *fd is to be closed to unlock; the file stays.
 * MAIL_BUSY: held by a living session.  MAIL_PERM: no right to create the file here, or
 * it is another user's.  MAIL_TEMP with errno.
 */
enum mail_status session_lock(
	int dirfd, const char *name, const struct mail_options *options, int *fd);

/*
 * Lock the directory itself, which needs no room on the disk: for when session_lock()
 * failed with ENOSPC or EDQUOT.  It excludes only others that do so on this host.
 */
enum mail_status session_lock_directory(
	int dirfd, const struct mail_options *options, int *fd);

#endif
