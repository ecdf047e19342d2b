#include "mailstore/lock_lease.h"

#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

/*
 * One probe may be left if a process is killed here: the next makes use of it, and
 * removes it.  What somebody else put there is not touched.
 */
static bool
probe_file(int dirfd, const char *name, struct timespec *now)
{
	const int flags =
		O_WRONLY | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC;
	char probe[NAME_MAX + 1];
	struct stat st;
	bool good;
	int fd, n;

	n = snprintf(probe, sizeof probe, "%s-probe", name);
	if (n < 0 || (size_t)n >= sizeof probe)
		return false;
	fd = openat(dirfd, probe, flags, 0600);
	if (fd == -1)
		return false;
	good = fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_uid == geteuid() &&
	       st.st_nlink <= 1;
	if (good) {
		good = futimens(fd, NULL) == 0 && fstat(fd, &st) == 0;
		(void)unlinkat(dirfd, probe, 0);
	}
	(void)close(fd);
	if (good)
		*now = st.st_mtim;
	return good;
}

/*
 * Where no file can be made the access time of the lock file, which nobody needs, will
 * do.  A file system that does not keep it goes on giving an earlier time, by which the
 * lease would seem to run for ever: one that has not changed must say nothing if it is
 * before the time when the file was touched.
 */
static bool
probe_access_time(int fd, const struct stat *before, struct timespec *now)
{
	const struct timespec times[2] = {
		{.tv_nsec = UTIME_NOW}, {.tv_nsec = UTIME_OMIT}};
	struct stat st;

	if (futimens(fd, times) != 0 || fstat(fd, &st) != 0)
		return false;
	*now = st.st_atim;
	return now->tv_sec != before->st_atim.tv_sec ||
	       now->tv_nsec != before->st_atim.tv_nsec ||
	       now->tv_sec >= before->st_mtim.tv_sec;
}

enum lock_lease
lock_lease(int dirfd, const char *name, int fd, unsigned seconds)
{
	struct timespec now;
	struct stat st;
	time_t age;

	if (fstat(fd, &st) != 0)
		return LEASE_UNKNOWN;
	if (!probe_file(dirfd, name, &now) && !probe_access_time(fd, &st, &now))
		return LEASE_UNKNOWN;
	/* A time that far ahead is of a clock that was wrong: it must not bar the user.
	 */
	if (__builtin_sub_overflow(now.tv_sec, st.st_mtim.tv_sec, &age) ||
		age >= (time_t)seconds || age <= -(time_t)seconds)
		return LEASE_OUT;
	return LEASE_RUNS;
}
