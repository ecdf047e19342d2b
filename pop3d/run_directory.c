#include "pop3d/run_directory.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <sys/stat.h>
#include <unistd.h>

#define FLAGS (O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)

int
run_directory_open(const char *path, const char **wrong)
{
	struct stat st;
	int fd;

	*wrong = NULL;
	fd = open(path, FLAGS);
	if (fd < 0 && errno == ENOENT) {
		if (mkdir(path, 0700) != 0 && errno != EEXIST) {
			*wrong = "the run directory cannot be made";
			return -1;
		}
		fd = open(path, FLAGS);
	}
	if (fd < 0) {
		*wrong = "the run directory cannot be opened";
		return -1;
	}
	if (fstat(fd, &st) == 0 && st.st_uid == geteuid() && (st.st_mode & 022) == 0)
		return fd;
	(void)close(fd);
	*wrong = "the run directory must be writable by its owner alone";
	return -1;
}

int
run_directory_file(int directory, const char *name)
{
	struct stat st;
	int fd = openat(directory, name,
		O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0600);

	if (fd < 0)
		return -1;
	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_uid == geteuid() &&
		(st.st_mode & 077) == 0)
		return fd;
	(void)close(fd);
	errno = EPERM;
	return -1;
}
