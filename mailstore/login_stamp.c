#include "mailstore/login_stamp.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <syslog.h>
#include <unistd.h>

#define FLAGS (O_WRONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC)

static enum mail_status
pass(const struct mail_options *options, const char *name, const char *why)
{
	options->log(options->cookie, LOG_WARNING, "%s: %s: login delay not enforced",
		name, why);
	return MAIL_OK;
}

/* One from the future is of a clock that was wrong: it must not bar the user. */
static bool
is_early(const struct timespec *last, const struct timespec *now, unsigned delay)
{
	time_t seconds;

	if (__builtin_sub_overflow(now->tv_sec, last->tv_sec, &seconds))
		return false;
	if (now->tv_nsec < last->tv_nsec)
		seconds--;
	return seconds >= 0 && seconds < (time_t)delay;
}

/*
 * Both times are those of the file server's clock, by which all hosts agree.  It is asked
 * by touching the file, for that is sure to be right on any file system; a time that came
 * too early is taken back.
 */
static enum mail_status
judge(int fd, const char *name, const struct mail_options *options)
{
	struct timespec times[2] = {{.tv_nsec = UTIME_OMIT}};
	struct stat last, now;

	if (fstat(fd, &last) != 0)
		return pass(options, name, strerror(errno));
	if (!S_ISREG(last.st_mode) || last.st_uid != geteuid() || last.st_nlink > 1)
		return pass(options, name, "is not a file of the user alone");
	if (futimens(fd, NULL) != 0 || fstat(fd, &now) != 0)
		return pass(options, name, strerror(errno));
	if (!is_early(&last.st_mtim, &now.st_mtim, options->login_delay))
		return MAIL_OK;
	times[1] = last.st_mtim;
	if (futimens(fd, times) != 0)
		(void)pass(options, name, strerror(errno));
	return MAIL_EARLY;
}

enum mail_status
login_stamp(int dirfd, const char *name, const struct mail_options *options)
{
	enum mail_status status = MAIL_OK;
	int fd;

	if (options->login_delay == 0)
		return MAIL_OK;
	fd = openat(dirfd, name, FLAGS);
	if (fd != -1)
		status = judge(fd, name, options);
	else if (errno == ENOENT)
		fd = openat(dirfd, name, FLAGS | O_CREAT | O_EXCL, 0600);
	if (fd == -1)
		return pass(options, name, strerror(errno));
	(void)close(fd);
	return status;
}
