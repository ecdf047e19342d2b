#include "mailstore/session_lock.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

#define POLL_NS 50000000L
#define REOPEN_MAX 10 /* times that someone may remove the file under us */

static enum mail_status
lock_fail(
	const struct mail_options *options, const char *name, const char *what, int error)
{
	options->log(options->cookie, LOG_ERR, "session lock %s: %s: %s", name, what,
		strerror(error));
	errno = error;
	switch (error) {
	case EACCES:
	case EPERM:
	case ELOOP:
	case EISDIR:
	case ENXIO:
		return MAIL_PERM;
	default:
		return MAIL_TEMP;
	}
}

/* The first line of a small file of /proc; "" if it cannot be read. */
static void
read_line(const char *path, char *line, size_t size)
{
	const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	ssize_t n = -1;

	if (fd >= 0) {
		n = read(fd, line, size - 1);
		(void)close(fd);
	}
	line[n > 0 ? n : 0] = '\0';
	line[strcspn(line, "\n")] = '\0';
}

/*
 * The start time of this process: field 22 of its stat line.  The second field is a
 * program's name in parentheses and may hold anything, so counting begins behind the
 * last one.
 */
static void
read_start(char *start, size_t size)
{
	char line[1024];
	char *p;
	size_t n;

	start[0] = '\0';
	read_line("/proc/self/stat", line, sizeof(line));
	p = strrchr(line, ')');
	for (int field = 2; p != NULL && field < 22; field++) {
		p = strchr(p, ' ');
		if (p != NULL)
			p++;
	}
	if (p == NULL)
		return;
	n = strspn(p, "0123456789");
	if (n == 0 || n >= size)
		return;
	memcpy(start, p, n);
	start[n] = '\0';
}

/*
 * Say who holds the lock.  Only people read this; the lock is good without it, so a full
 * disk must not keep a user from deleting mail.
 */
static void
write_holder(int fd)
{
	char host[HOST_NAME_MAX + 1] = "", boot[64], start[32], text[512];
	int n;

	if (gethostname(host, sizeof(host) - 1) != 0)
		host[0] = '\0';
	read_line("/proc/sys/kernel/random/boot_id", boot, sizeof(boot));
	read_start(start, sizeof(start));
	n = snprintf(text, sizeof(text), "%s%s%s%s%s%spid=%ld%s%s\n",
		host[0] ? "host=" : "", host, host[0] ? " " : "", boot[0] ? "boot=" : "",
		boot, boot[0] ? " " : "", (long)getpid(), start[0] ? " start=" : "",
		start);
	if (n <= 0 || (size_t)n >= sizeof(text))
		return;
	/*
	 * Half a line would mislead; an empty file does not.  A text that is there
	 * already says that a session died, and must go on saying so until there is
	 * another.
	 */
	if (ftruncate(fd, pwrite(fd, text, (size_t)n, 0) == n ? n : 0) != 0)
		return;
}

typedef int lock_function(int fd);

static int
lock_file(int fd)
{
	struct flock whole = {.l_type = F_WRLCK, .l_whence = SEEK_SET};

	return fcntl(fd, F_OFD_SETLK, &whole);
}

static int
lock_directory(int fd)
{
	return flock(fd, LOCK_EX | LOCK_NB);
}

/* Wait until the deadline for the lock on fd.  errno is EAGAIN when it ran out. */
static bool
lock_wait(int fd, lock_function *lock, unsigned seconds)
{
	struct timespec now, end;

	if (clock_gettime(CLOCK_MONOTONIC, &end) != 0)
		return false;
	end.tv_sec += (time_t)seconds;
	for (;;) {
		const struct timespec pause = {.tv_nsec = POLL_NS};

		if (lock(fd) == 0)
			return true;
		if (errno == EACCES)
			errno = EAGAIN;
		if (errno != EAGAIN && errno != EINTR)
			return false;
		if (clock_gettime(CLOCK_MONOTONIC, &now) != 0)
			return false;
		if (now.tv_sec > end.tv_sec ||
			(now.tv_sec == end.tv_sec && now.tv_nsec >= end.tv_nsec)) {
			errno = EAGAIN;
			return false;
		}
		(void)nanosleep(&pause, NULL);
	}
}

/*
 * Whether the file that we locked still has its name.  Someone may have removed it
 * between open and lock, and then the next session would lock another file.
 */
static bool
lock_stands(int dirfd, const char *name, const struct stat *ours)
{
	struct stat st;

	return fstatat(dirfd, name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
	       st.st_dev == ours->st_dev && st.st_ino == ours->st_ino;
}

/* Open the file, and refuse what a lock file cannot be. */
static enum mail_status
lock_open(int dirfd, const char *name, const struct mail_options *options, int *fd,
	struct stat *st)
{
	enum mail_status status = MAIL_PERM;
	const char *fault = NULL;

	*fd = openat(dirfd, name, O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC,
		0600);
	if (*fd < 0)
		return lock_fail(options, name, "open", errno);
	if (fstat(*fd, st) != 0)
		status = lock_fail(options, name, "stat", errno);
	else if (!S_ISREG(st->st_mode))
		fault = "is not a regular file";
	else if (st->st_uid != geteuid())
		/* Who made it could hold it for ever, or remove it while it is held. */
		fault = "is another user's";
	else if (st->st_nlink > 1)
		/* Naming the holder would overwrite some other file. */
		fault = "has a second name";
	else
		return MAIL_OK;
	if (fault != NULL)
		options->log(
			options->cookie, LOG_ERR, "session lock %s: %s", name, fault);
	(void)close(*fd);
	return status;
}

/* One attempt; *gone says that the file lost its name meanwhile: try again. */
static enum mail_status
lock_once(int dirfd, const char *name, const struct mail_options *options, int *fd,
	bool *gone)
{
	struct stat st;
	enum mail_status status = lock_open(dirfd, name, options, fd, &st);
	int error;

	*gone = false;
	if (status != MAIL_OK)
		return status;
	if (lock_wait(*fd, lock_file, options->lock_wait)) {
		if (lock_stands(dirfd, name, &st)) {
			write_holder(*fd);
			return MAIL_OK;
		}
		*gone = true;
		status = MAIL_TEMP;
		errno = EAGAIN;
	} else if (errno == EAGAIN)
		status = MAIL_BUSY;
	else {
		/* A file system without such locks (ENOLCK, EOPNOTSUPP, EINVAL). */
		(void)lock_fail(options, name, "lock", errno);
		status = MAIL_TEMP;
	}
	error = errno;
	(void)close(*fd);
	errno = error;
	return status;
}

enum mail_status
session_lock(int dirfd, const char *name, const struct mail_options *options, int *fd)
{
	for (int tries = 0; tries < REOPEN_MAX; tries++) {
		bool gone;
		const enum mail_status status =
			lock_once(dirfd, name, options, fd, &gone);

		if (!gone)
			return status;
	}
	options->log(options->cookie, LOG_ERR,
		"session lock %s: someone keeps removing it", name);
	return MAIL_TEMP;
}

enum mail_status
session_lock_directory(int dirfd, const struct mail_options *options, int *fd)
{
	enum mail_status status;

	*fd = openat(dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (*fd < 0)
		return lock_fail(options, ".", "open", errno);
	if (lock_wait(*fd, lock_directory, options->lock_wait))
		return MAIL_OK;
	status = errno == EAGAIN ? MAIL_BUSY : lock_fail(options, ".", "lock", errno);
	(void)close(*fd);
	return status;
}
