#include "auth/module_file.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <syslog.h>
#include <unistd.h>

static bool
readers_check(const struct auth_host *host, const char *path, unsigned mode,
	enum module_file_readers readers)
{
	if (readers == MODULE_FILE_SECRET && (mode & (S_IRWXG | S_IRWXO)) != 0) {
		host->log(host->cookie, LOG_ERR,
			"%s: mode %04o lets others read a key, expected 0600", path,
			mode);
		return false;
	}
	if (readers == MODULE_FILE_PRIVATE && (mode & S_IROTH) != 0)
		host->log(host->cookie, LOG_WARNING,
			"%s: mode %04o lets everybody read the hashes, expected 0600",
			path, mode);
	return true;
}

/* Who can write to the file can be anybody; who can read it can try passwords at home. */
static bool
file_check(const struct auth_host *host, const char *path, const struct stat *st,
	enum module_file_readers readers)
{
	unsigned mode = (unsigned)st->st_mode & 07777u;

	if (!S_ISREG(st->st_mode)) {
		host->log(host->cookie, LOG_ERR, "%s: not a regular file", path);
		return false;
	}
	if (st->st_uid != 0 && st->st_uid != geteuid()) {
		host->log(host->cookie, LOG_ERR, "%s: owned by uid %lu, expected %lu",
			path, (unsigned long)st->st_uid, (unsigned long)geteuid());
		return false;
	}
	if ((mode & S_IWOTH) != 0 || ((mode & S_IWGRP) != 0 && st->st_gid != 0)) {
		host->log(host->cookie, LOG_ERR,
			"%s: mode %04o lets others write, expected 0600", path, mode);
		return false;
	}
	return readers_check(host, path, mode, readers);
}

int
module_file_open(
	const struct auth_host *host, const char *path, enum module_file_readers readers)
{
	struct stat st;
	int fd;

	fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (fd < 0 || fstat(fd, &st) != 0) {
		host->log(host->cookie, LOG_ERR, "%s: %s", path, strerror(errno));
		if (fd >= 0)
			(void)close(fd);
		return -1;
	}
	if (file_check(host, path, &st, readers))
		return fd;
	(void)close(fd);
	return -1;
}
