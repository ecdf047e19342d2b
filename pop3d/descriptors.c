#include "pop3d/descriptors.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>
#include <unistd.h>

#define ARRANGE_MAX 128u

bool
descriptors_fill_standard(void)
{
	for (int fd = 0; fd <= 2; fd++) {
		if (fcntl(fd, F_GETFD) >= 0)
			continue;
		/* The lowest free descriptor is taken, which is this one. */
		if (open("/dev/null", O_RDWR) != fd)
			return false;
	}
	return true;
}

bool
descriptors_close_from(int first)
{
	return close_range((unsigned)first, UINT_MAX, 0) == 0;
}

bool
descriptors_arrange(const int *fds, size_t n)
{
	int copies[ARRANGE_MAX];

	if (n > ARRANGE_MAX) {
		errno = EINVAL;
		return false;
	}
	/* First out of the way, so that no target is overwritten before it was copied. */
	for (size_t i = 0; i < n; i++) {
		int from = fds[i] >= 0 ? fds[i] : open("/dev/null", O_RDWR | O_CLOEXEC);
		copies[i] = from < 0 ? -1 : fcntl(from, F_DUPFD_CLOEXEC, (int)n);
		if (copies[i] < 0)
			return false;
	}
	for (size_t i = 0; i < n; i++)
		if (dup2(copies[i], (int)i) < 0)
			return false;
	return descriptors_close_from((int)n);
}

bool
descriptors_silence(int fd)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	if (null < 0)
		return false;
	if (null == fd)
		return true;
	bool done = dup2(null, fd) >= 0;
	(void)close(null);
	return done;
}

bool
descriptors_are_same(int a, int b)
{
	struct stat sa, sb;

	return fstat(a, &sa) == 0 && fstat(b, &sb) == 0 && sa.st_dev == sb.st_dev &&
	       sa.st_ino == sb.st_ino;
}
