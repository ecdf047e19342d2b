/*
 * The locks that delivery agents and mail readers take on an mbox: a lock of fcntl on
 * the file, a dotlock (dotlock.h), or both.  They are held only while an mbox is parsed
 * or rewritten.
 */
#ifndef DELIVERY_LOCK_H
#define DELIVERY_LOCK_H

#include <stdbool.h>
#include <time.h>

#include "mailstore/dotlock.h"
#include "mailstore/mailstore.h"

/* Filled by delivery_lock_take(). */
struct delivery_lock {
	const struct mail_options *options;
	int dirfd;
	const char *name;
	int fd;
	bool fcntl_held;
	bool dotlock_held;
	struct dotlock dotlock;
	time_t touched; /* when the dotlock was, by CLOCK_MONOTONIC */
	/*
	 * What else is to be refreshed while the lock is held; the caller may set it.
	 * False: that is lost, so nothing may be changed any more.
	 */
	bool (*also)(void *cookie);
	void *also_cookie;
};

/*
 * Take all of options->mbox_locks on the mbox `name` in the directory dirfd, open for
 * reading and writing as fd; exclusive or not makes a difference for fcntl only.  The
 * caller holds the session lock.  What is borrowed must outlive the lock.  Waits
 * options->lock_wait seconds at the most.  MAIL_TEMP: somebody else holds one, or locking
 * does not work.  MAIL_PERM: there is no right to take any of them.  Both are logged and
 * leave nothing held.  A dotlock that may not be made is left out if another lock is had.
 */
enum mail_status delivery_lock_take(struct delivery_lock *lock, int dirfd,
	const char *name, int fd, bool exclusive, const struct mail_options *options);

/*
 * To be called often while a lock is held for long, or programs that go by the age of a
 * dotlock would take it for a dead one's.  lock may be NULL.  False: see `also`.
 */
bool delivery_lock_refresh(struct delivery_lock *lock);

/*
 * Release what is held.  False: files stay that dotlock_sweep() should remove some day.
 */
bool delivery_lock_release(struct delivery_lock *lock);

#endif
