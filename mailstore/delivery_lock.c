#include "mailstore/delivery_lock.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/random.h>
#include <syslog.h>
#include <time.h>

#include "mailstore/dotlock.h"

/* Well below DOTLOCK_STALE, which other programs use as well. */
#define REFRESH_SECONDS 60

/*
 * A lock of the open file description: it stands against the POSIX locks of other
 * programs, but is not lost when some other descriptor of the file is closed.
 */
static int
fcntl_set(int fd, short type)
{
	struct flock whole = {.l_type = type, .l_whence = SEEK_SET};

	return fcntl(fd, F_OFD_SETLK, &whole);
}

static enum mail_status
fcntl_take(struct delivery_lock *lock, bool exclusive)
{
	if (fcntl_set(lock->fd, exclusive ? F_WRLCK : F_RDLCK) == 0) {
		lock->fcntl_held = true;
		return MAIL_OK;
	}
	if (errno == EAGAIN || errno == EACCES || errno == EINTR)
		return MAIL_BUSY;
	lock->options->log(lock->options->cookie, LOG_ERR, "lock of %s: fcntl: %s",
		lock->name, strerror(errno));
	return MAIL_TEMP;
}

/* Seconds of a clock that nobody sets. */
static time_t
time_now(void)
{
	struct timespec now;

	return clock_gettime(CLOCK_MONOTONIC, &now) == 0 ? now.tv_sec : 0;
}

static enum mail_status
dotlock_take(struct delivery_lock *lock)
{
	switch (dotlock_try(&lock->dotlock)) {
	case DOTLOCK_TAKEN:
		lock->dotlock_held = true;
		lock->touched = time_now();
		return MAIL_OK;
	case DOTLOCK_UNUSABLE:
		lock->options->log(lock->options->cookie, LOG_DEBUG,
			"lock of %s: no dotlock: the directory is not writable",
			lock->name);
		return MAIL_OK;
	case DOTLOCK_HELD:
		return MAIL_BUSY;
	case DOTLOCK_ERROR:
		break;
	}
	return MAIL_TEMP;
}

/* Take every lock or none.  *held names the one that could not be had. */
static enum mail_status
take_all(struct delivery_lock *lock, bool exclusive, const char **held)
{
	const enum mail_lock *locks = lock->options->mbox_locks;

	for (size_t i = 0; i < MAIL_LOCKS && locks[i] != MAIL_LOCK_NONE; i++) {
		enum mail_status status = MAIL_OK;

		switch (locks[i]) {
		case MAIL_LOCK_NONE:
			break;
		case MAIL_LOCK_FCNTL:
			*held = "fcntl";
			status = fcntl_take(lock, exclusive);
			break;
		case MAIL_LOCK_DOTLOCK:
			*held = "dotlock";
			status = dotlock_take(lock);
			break;
		}
		if (status != MAIL_OK) {
			(void)delivery_lock_release(lock);
			return status;
		}
	}
	if (lock->fcntl_held || lock->dotlock_held)
		return MAIL_OK;
	lock->options->log(lock->options->cookie, LOG_ERR,
		"lock of %s: none of the mbox_locks can be taken: let the user create "
		"files beside the mbox, or use fcntl",
		lock->name);
	return MAIL_PERM;
}

/* 10 to 100 ms at random, or two programs could step on each other for ever. */
static void
back_off(void)
{
	struct timespec pause = {.tv_nsec = 50000000};
	uint16_t random;

	if (getrandom(&random, sizeof random, GRND_NONBLOCK) == (ssize_t)sizeof random)
		pause.tv_nsec = 10000000 + random * 90000000L / UINT16_MAX;
	(void)nanosleep(&pause, NULL);
}

static bool
time_reached(const struct timespec *end)
{
	struct timespec now;

	return clock_gettime(CLOCK_MONOTONIC, &now) != 0 || now.tv_sec > end->tv_sec ||
	       (now.tv_sec == end->tv_sec && now.tv_nsec >= end->tv_nsec);
}

enum mail_status
delivery_lock_take(struct delivery_lock *lock, int dirfd, const char *name, int fd,
	bool exclusive, const struct mail_options *options)
{
	enum mail_status status;
	const char *held = "";
	struct timespec end;

	*lock = (struct delivery_lock){
		.options = options, .dirfd = dirfd, .name = name, .fd = fd};
	if (clock_gettime(CLOCK_MONOTONIC, &end) != 0)
		return MAIL_TEMP;
	dotlock_init(&lock->dotlock, dirfd, name, options);
	end.tv_sec += (time_t)options->lock_wait;
	/*
	 * Other programs take the same locks in other orders, so nobody may wait for one
	 * while holding another.
	 */
	for (;;) {
		status = take_all(lock, exclusive, &held);
		if (status != MAIL_BUSY || time_reached(&end))
			break;
		back_off();
	}
	if (status != MAIL_BUSY)
		return status;
	options->log(options->cookie, LOG_NOTICE,
		"lock of %s: another program holds it (%s), gave up after %u s", name,
		held, options->lock_wait);
	/* To a client, MAIL_BUSY would say that there is another session. */
	return MAIL_TEMP;
}

bool
delivery_lock_refresh(struct delivery_lock *lock)
{
	time_t now;

	if (lock == NULL)
		return true;
	if (lock->also != NULL && !lock->also(lock->also_cookie))
		return false;
	if (!lock->dotlock_held)
		return true;
	now = time_now();
	if (now - lock->touched < REFRESH_SECONDS)
		return true;
	lock->touched = now;
	dotlock_touch(&lock->dotlock);
	return true;
}

bool
delivery_lock_release(struct delivery_lock *lock)
{
	const bool clean = dotlock_release(&lock->dotlock);

	if (lock->fcntl_held)
		(void)fcntl_set(lock->fd, F_UNLCK);
	lock->dotlock_held = false;
	lock->fcntl_held = false;
	return clean;
}
