/*
 * The locks that delivery agents and mail readers take on an mbox: a lock of fcntl on
 * the file, a dotlock (dotlock.h), or both.  They are held only while an mbox is parsed
 * or rewritten.
 */
#ifndef DELIVERY_LOCK_H
#define DELIVERY_LOCK_H

#include <stdbool.h>

#include "mailstore/mailstore.h"

/* Filled by delivery_lock_take(). */
struct delivery_lock {
	const struct mail_options *options;
	int dirfd;
	const char *name;
	int fd;
	bool fcntl_held;
	bool dotlock_held;
};

/*
 * Take all of options->mbox_locks on the mbox `name` in the directory dirfd, open for
 * reading and writing as fd; exclusive or not makes a difference for fcntl only.  The
 * caller holds the session lock.  What is borrowed must outlive the lock.  Waits
 * options->lock_wait seconds at the most.  MAIL_TEMP: somebody else holds one, or locking
 * does not work; logged, nothing is held.
 */
enum mail_status delivery_lock_take(struct delivery_lock *lock, int dirfd,
	const char *name, int fd, bool exclusive, const struct mail_options *options);

/* Release what is held. */
void delivery_lock_release(struct delivery_lock *lock);

#endif
