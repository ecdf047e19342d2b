/*
 * The lock by which POP3 sessions exclude each other, and nobody else.
 *
 * It is a file with a lock of the kernel on it (an open file description lock of fcntl),
 * so that a holder that dies leaves nothing behind.  On a file system that does not share
 * such locks between hosts that excludes sessions of one host only, and nobody can tell
 * whether it shares them.  So the file's text (lock_text.h) names the holder: one of this
 * machine is as alive as its kernel's lock says; one of another machine has a lease, and
 * is alive until the file has not been touched for that long by the file server's clock.
 *
 * A holder touches the file every third of its lease, and sees whether it still has the
 * lock: one that slept too long finds another's text in the file, or another file.
 */
#ifndef SESSION_LOCK_H
#define SESSION_LOCK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "mailstore/lock_text.h"
#include "mailstore/mailstore.h"

struct session_lock {
	const struct mail_options *options; /* for the log */
	const char *name;                   /* NULL: it is the directory that is locked */
	int fd;                             /* -1: not held */
	int dirfd;
	bool died;  /* the session before this one did not end in order */
	bool lost;  /* another one took it over */
	bool named; /* the text is ours, not what was there before */
	bool fault_logged;
	char text[LOCK_TEXT]; /* what the file must hold */
	size_t length;
	unsigned lease; /* seconds */
	time_t due;     /* when to touch the file, by CLOCK_BOOTTIME */
};

#define SESSION_LOCK_NONE ((struct session_lock){.fd = -1, .dirfd = -1})

/*
 * Lock `name` in the directory dirfd, waiting options->lock_wait seconds at the most.
 * Never follows a symbolic link.  name and options must outlive the lock, dirfd need not.
 * MAIL_OK: it is held; the file stays for ever.  MAIL_BUSY: held by a living session.
 * MAIL_PERM: no right to create the file here, or it is another user's.  MAIL_TEMP with
 * errno.  A disk without room for the text does not matter: then the lock excludes
 * sessions of this host only.
 */
enum mail_status session_lock_take(struct session_lock *lock, int dirfd, const char *name,
	const struct mail_options *options);

/*
 * Lock the directory itself, which needs no room on the disk: for when the file cannot be
 * made for ENOSPC or EDQUOT.  It excludes only others on this host that do so, or lock
 * the directory (flock(2)) besides the file.
 */
enum mail_status session_lock_take_directory(
	struct session_lock *lock, int dirfd, const struct mail_options *options);

/*
 * To be called often while the lock is held; asks only the clock if a third of the lease
 * has not passed.  MAIL_BUSY: the lock is lost for good, which was logged, and the
 * maildrop must not be changed.  MAIL_TEMP: it cannot be told now.  MAIL_OK, too, if no
 * lock is held.
 */
enum mail_status session_lock_keep(struct session_lock *lock);

/* The same at once: to be called before anything is removed. */
enum mail_status session_lock_check(struct session_lock *lock);

/*
 * Release what is held; left: files of ours stay that the next session should remove,
 * which will find `died` set.
 */
void session_lock_release(struct session_lock *lock, bool left);

#endif
