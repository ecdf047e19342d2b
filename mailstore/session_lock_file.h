/*
 * What the session lock does to its file.  Private to session_lock.c.
 */
#ifndef SESSION_LOCK_FILE_H
#define SESSION_LOCK_FILE_H

#include <sys/stat.h>

#include "mailstore/session_lock.h"

/* Log what failed; the status for that errno, which is kept. */
enum mail_status session_lock_fail(
	const struct session_lock *lock, const char *what, int error);

/* Open lock->fd, or refuse what a lock file cannot be. */
enum mail_status session_lock_open(struct session_lock *lock, struct stat *st);

/*
 * Whether the file that we locked still has its name.  Someone may have removed it
 * between open and lock, and then the next session would lock another file.
 */
bool session_lock_stands(const struct session_lock *lock, const struct stat *ours);

/* Read lock->text.  False with errno. */
bool session_lock_read(struct session_lock *lock);

/*
 * Write lock->text over what is there, `size` octets, and make it known to other hosts.
 * False with errno: there is no room, say, and lock->text is what the file holds instead.
 */
bool session_lock_write(struct session_lock *lock, off_t size);

/* Begin the lease anew. */
void session_lock_touch(struct session_lock *lock);

/*
 * Whether the file still has its name and its text, or none.  MAIL_BUSY if not: if found
 * is NULL that is logged as the loss of the lock, else *found is whom the file names.
 * MAIL_TEMP: it cannot be told.
 */
enum mail_status session_lock_look(struct session_lock *lock, struct lock_holder *found);

#endif
