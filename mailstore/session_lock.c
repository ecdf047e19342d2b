#include "mailstore/session_lock.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

#include "mailstore/lock_lease.h"
#include "mailstore/session_lock_file.h"

#define POLL_NS 50000000L
#define FOREIGN_POLL_NS 500000000L /* every look makes a file on the server */
#define REOPEN_MAX 10              /* times that someone may remove the file under us */
#define LEASE_DEFAULT 300u

enum outcome {
	OUTCOME_DONE,    /* taken, or failed */
	OUTCOME_HELD,    /* by the kernel's lock */
	OUTCOME_FOREIGN, /* by a lease */
	OUTCOME_GONE,    /* the file lost its name meanwhile: try again */
};

/* The clock that goes on while the machine sleeps, as that of the file server does. */
static int64_t
nanoseconds_now(void)
{
	struct timespec now = {0};

	/* This cannot fail with a valid pointer. */
	(void)clock_gettime(CLOCK_BOOTTIME, &now);
	return now.tv_sec * INT64_C(1000000000) + now.tv_nsec;
}

static time_t
seconds_now(void)
{
	return (time_t)(nanoseconds_now() / 1000000000);
}

static bool
deadline_passed(const struct timespec *end)
{
	struct timespec now = {0};

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec > end->tv_sec ||
	       (now.tv_sec == end->tv_sec && now.tv_nsec >= end->tv_nsec);
}

static void
pause_for(long ns)
{
	const struct timespec pause = {.tv_nsec = ns};

	(void)nanosleep(&pause, NULL);
}

/* A try of a kernel's lock that does not wait. */
static enum outcome
lock_outcome(struct session_lock *lock, int result, enum mail_status *status)
{
	if (result == 0) {
		*status = MAIL_OK;
		return OUTCOME_DONE;
	}
	*status = MAIL_BUSY;
	if (errno == EAGAIN || errno == EACCES || errno == EINTR)
		return OUTCOME_HELD;
	/* A file system without such locks (ENOLCK, EOPNOTSUPP, EINVAL). */
	(void)session_lock_fail(lock, "lock", errno);
	*status = MAIL_TEMP;
	return OUTCOME_DONE;
}

static void
log_holder(const struct session_lock *lock, const struct lock_holder *holder,
	const char *what)
{
	lock->options->log(lock->options->cookie, LOG_NOTICE,
		"session lock %s of host %s, process %s: %s", lock->name, holder->host,
		holder->pid, what);
}

static void
log_unwritten(const struct session_lock *lock, const char *so)
{
	lock->options->log(lock->options->cookie, LOG_WARNING, "session lock %s: %s: %s",
		lock->name, so, strerror(errno));
}

/*
 * The kernel's lock is ours: see whether a session of another host lives.  Its lease is
 * as long as it says, for the hosts may be configured differently.
 */
static bool
is_foreign(const struct session_lock *lock, const struct lock_holder *holder)
{
	const unsigned lease =
		holder->state == LOCK_UNKNOWN ? lock->lease : holder->lease;

	switch (lock_lease(lock->dirfd, lock->name, lock->fd, lease)) {
	case LEASE_OUT:
		log_holder(lock, holder, "its lease ran out, taken over");
		return false;
	case LEASE_UNKNOWN:
	case LEASE_RUNS:
		break;
	}
	return true;
}

/* Put our name into the file.  False: the lock excludes sessions of this host only. */
static bool
name_holder(struct session_lock *lock, const struct lock_holder *self, off_t size)
{
	lock_text_make(lock->text, self);
	lock->named = session_lock_write(lock, size);
	/* The lock is good without it: a full disk must not keep a user from deleting. */
	if (!lock->named)
		log_unwritten(lock, "it excludes sessions of this host only");
	return lock->named;
}

/*
 * Our text has replaced that of another host's session, whose lease was seen to have run
 * out at `since`.  It may have come back and waited for our text, but not for ever: too
 * late is a text that it may not have seen.  Then nobody gets the lock: it will find that
 * the text is not its own, and everybody waits for a lease.  The text of nobody can be
 * replaced at leisure, so a file server that always is slow locks no one out.
 */
static bool
is_late(struct session_lock *lock, int64_t since)
{
	if (nanoseconds_now() - since <= FOREIGN_POLL_NS / 2)
		return false;
	lock->options->log(lock->options->cookie, LOG_NOTICE,
		"session lock %s: it took too long to take it over", lock->name);
	lock->named = false;
	if (ftruncate(lock->fd, 1) != 0)
		log_unwritten(lock, "the lease that now runs is ours");
	return true;
}

/*
 * Where other hosts take turns with this one, two may have found the lock free at the
 * same time: of two that write the last one has it, and each looks again when the other
 * must have written.  If it wrote even later, one of them loses the lock at its next
 * look.
 */
static enum outcome
look_again(
	struct session_lock *lock, struct lock_holder *holder, enum mail_status *status)
{
	pause_for(POLL_NS);
	*status = session_lock_look(lock, holder);
	return *status == MAIL_BUSY ? OUTCOME_FOREIGN : OUTCOME_DONE;
}

/* The kernel's lock is ours. */
static enum outcome
claim(struct session_lock *lock, const struct stat *st, struct lock_holder *holder,
	enum mail_status *status)
{
	const int64_t since = nanoseconds_now();
	struct lock_holder self;
	bool here;

	if (!session_lock_stands(lock, st))
		return OUTCOME_GONE;
	*status = MAIL_TEMP;
	if (!session_lock_read(lock)) {
		(void)session_lock_fail(lock, "read", errno);
		return OUTCOME_DONE;
	}
	lock_text_parse(holder, lock->text, lock->length);
	if (!lock_holder_self(&self, lock->lease)) {
		(void)session_lock_fail(lock, "random octets", errno);
		return OUTCOME_DONE;
	}
	here = lock->length == 0 || lock_holder_is_here(holder, &self);
	lock->died = holder->state != LOCK_FREE;
	if (!here && (holder->state == LOCK_HELD || holder->state == LOCK_UNKNOWN) &&
		is_foreign(lock, holder)) {
		*status = MAIL_BUSY;
		return OUTCOME_FOREIGN;
	}
	*status = MAIL_OK;
	if (!name_holder(lock, &self, st->st_size) || here)
		return OUTCOME_DONE;
	if (holder->state == LOCK_HELD && is_late(lock, since)) {
		*status = MAIL_BUSY;
		return OUTCOME_FOREIGN;
	}
	return look_again(lock, holder, status);
}

static enum outcome
attempt(struct session_lock *lock, struct lock_holder *holder, enum mail_status *status)
{
	struct flock whole = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
	enum outcome outcome = OUTCOME_DONE;
	struct stat st;
	int error;

	*status = session_lock_open(lock, &st);
	if (*status != MAIL_OK)
		return OUTCOME_DONE;
	outcome = lock_outcome(lock, fcntl(lock->fd, F_OFD_SETLK, &whole), status);
	if (*status == MAIL_OK)
		outcome = claim(lock, &st, holder, status);
	if (*status == MAIL_OK && outcome == OUTCOME_DONE)
		return outcome;
	error = errno;
	(void)close(lock->fd);
	lock->fd = -1;
	errno = error;
	return outcome;
}

static bool
start(struct session_lock *lock, const struct mail_options *options, struct timespec *end)
{
	*lock = SESSION_LOCK_NONE;
	lock->options = options;
	lock->lease = options->lock_lease != 0 ? options->lock_lease : LEASE_DEFAULT;
	if (clock_gettime(CLOCK_MONOTONIC, end) != 0)
		return false;
	end->tv_sec += (time_t)options->lock_wait;
	return true;
}

static enum mail_status
take_file(struct session_lock *lock, const struct timespec *end)
{
	struct lock_holder holder;
	enum mail_status status = MAIL_TEMP;
	int gone = 0;

	for (;;) {
		const enum outcome outcome = attempt(lock, &holder, &status);

		if (outcome == OUTCOME_DONE)
			return status;
		if (outcome == OUTCOME_GONE) {
			if (++gone < REOPEN_MAX)
				continue;
			return session_lock_fail(
				lock, "someone keeps removing it", EAGAIN);
		}
		if (deadline_passed(end)) {
			if (outcome == OUTCOME_FOREIGN)
				log_holder(lock, &holder, "its lease has not run out");
			return MAIL_BUSY;
		}
		pause_for(outcome == OUTCOME_FOREIGN ? FOREIGN_POLL_NS : POLL_NS);
	}
}

enum mail_status
session_lock_take(struct session_lock *lock, int dirfd, const char *name,
	const struct mail_options *options)
{
	enum mail_status status;
	struct timespec end;
	int error;

	if (!start(lock, options, &end))
		return MAIL_TEMP;
	lock->name = name;
	lock->dirfd = fcntl(dirfd, F_DUPFD_CLOEXEC, 0);
	if (lock->dirfd == -1)
		return session_lock_fail(lock, "directory", errno);
	status = take_file(lock, &end);
	if (status == MAIL_OK) {
		lock->due = seconds_now() + (time_t)(lock->lease / 3);
		return status;
	}
	error = errno;
	(void)close(lock->dirfd);
	lock->dirfd = -1;
	errno = error;
	return status;
}

enum mail_status
session_lock_take_directory(
	struct session_lock *lock, int dirfd, const struct mail_options *options)
{
	enum mail_status status;
	struct timespec end;

	if (!start(lock, options, &end))
		return MAIL_TEMP;
	lock->fd = openat(dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (lock->fd < 0)
		return session_lock_fail(lock, "open", errno);
	while (lock_outcome(lock, flock(lock->fd, LOCK_EX | LOCK_NB), &status) ==
			OUTCOME_HELD &&
		!deadline_passed(&end))
		pause_for(POLL_NS);
	if (status == MAIL_OK)
		return status;
	(void)close(lock->fd);
	lock->fd = -1;
	return status;
}

enum mail_status
session_lock_keep(struct session_lock *lock)
{
	if (lock->lost)
		return MAIL_BUSY;
	if (lock->fd == -1 || lock->name == NULL || seconds_now() < lock->due)
		return MAIL_OK;
	return session_lock_check(lock);
}

enum mail_status
session_lock_check(struct session_lock *lock)
{
	const time_t now = seconds_now();
	enum mail_status status;

	if (lock->lost)
		return MAIL_BUSY;
	if (lock->fd == -1 || lock->name == NULL)
		return MAIL_OK;
	/* In this order: who asks for our lease from now on finds that it runs. */
	session_lock_touch(lock);
	/*
	 * Somebody may have found that it had run out, and be about to write his text.
	 * The touch may have taken long itself, where the server was away.
	 */
	if (seconds_now() - lock->due >= (time_t)(lock->lease - lock->lease / 3))
		pause_for(FOREIGN_POLL_NS);
	status = session_lock_look(lock, NULL);
	if (status == MAIL_OK)
		lock->due = now + (time_t)(lock->lease / 3);
	else if (status == MAIL_BUSY)
		lock->lost = true;
	return status;
}

void
session_lock_release(struct session_lock *lock, bool left)
{
	struct lock_holder holder;

	/* Another host's text in the file must stay, however new it is. */
	if (lock->named && !lock->lost && session_lock_look(lock, NULL) == MAIL_OK) {
		lock_text_parse(&holder, lock->text, lock->length);
		holder.state = left ? LOCK_LEFT : LOCK_FREE;
		lock_text_make(lock->text, &holder);
		if (!session_lock_write(lock, (off_t)lock->length))
			log_unwritten(lock, "other hosts will wait for its lease");
	}
	if (lock->fd != -1)
		(void)close(lock->fd);
	if (lock->dirfd != -1)
		(void)close(lock->dirfd);
	*lock = SESSION_LOCK_NONE;
}
