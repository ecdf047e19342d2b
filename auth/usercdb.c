#include "auth/usercdb.h"

#include <cdb.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* No user can have this name: a name ends at the first ':'. */
static const char stamp_key[] = ":file";
#define STAMP_MAX 160u

/* A file that was changed, or replaced, has another stamp. */
static size_t
stamp_print(const struct stat *st, char stamp[STAMP_MAX])
{
	int n = snprintf(stamp, STAMP_MAX, "1 %ju %ju %jd %jd.%09ld %jd.%09ld",
		(uintmax_t)st->st_dev, (uintmax_t)st->st_ino, (intmax_t)st->st_size,
		(intmax_t)st->st_mtim.tv_sec, st->st_mtim.tv_nsec,
		(intmax_t)st->st_ctim.tv_sec, st->st_ctim.tv_nsec);

	return n > 0 && (size_t)n < STAMP_MAX ? (size_t)n : 0;
}

/* The value of a key, if it fits: its size, 0 if there is none; -1 with errno. */
static ssize_t
value_read(int cdb, const void *key, size_t n, void *buffer, size_t size)
{
	unsigned length = 0;
	int found;

	errno = 0;
	found = cdb_seek(cdb, key, (unsigned)n, &length);
	if (found == 0)
		return 0;
	if (found > 0 && length > 0 && length <= size &&
		cdb_bread(cdb, buffer, (int)length) == 0)
		return (ssize_t)length;
	if (errno == 0)
		errno = EPROTO;
	return -1;
}

bool
usercdb_is_current(int cdb, int fd)
{
	char stamp[STAMP_MAX], found[STAMP_MAX];
	struct stat st;
	size_t n;

	if (fstat(fd, &st) != 0)
		return false;
	n = stamp_print(&st, stamp);
	return n > 0 &&
	       value_read(cdb, stamp_key, sizeof(stamp_key) - 1, found, sizeof(found)) ==
		       (ssize_t)n &&
	       memcmp(found, stamp, n) == 0;
}

enum userfile_status
usercdb_find(int cdb, const char *user, unsigned char buffer[USERFILE_LINE_MAX],
	struct auth_span *line)
{
	size_t length = strlen(user);
	struct auth_span name;
	ssize_t n;

	if (user[0] == ':')
		return USERFILE_END;
	n = value_read(cdb, user, length, buffer, USERFILE_LINE_MAX);
	if (n == 0)
		return USERFILE_END;
	if (n < 0)
		return USERFILE_ERROR;
	line->p = buffer;
	line->n = (size_t)n;
	name = userfile_name(*line);
	if (userfile_is_entry(*line) && name.n == length &&
		memcmp(name.p, user, length) == 0)
		return USERFILE_LINE;
	errno = EPROTO;
	return USERFILE_ERROR;
}

/* A new file that nobody else has open, with owner and mode of the old one. */
static int
tmp_open(int dirfd, const char *tmp, const struct stat *st)
{
	int fd;

	if (unlinkat(dirfd, tmp, 0) != 0 && errno != ENOENT)
		return -1;
	fd = openat(dirfd, tmp, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return -1;
	if (((st->st_uid == geteuid() && st->st_gid == getegid()) ||
		    fchown(fd, st->st_uid, st->st_gid) == 0) &&
		fchmod(fd, st->st_mode & 0660) == 0)
		return fd;
	(void)close(fd);
	return -1;
}

/* What is wrong with a line is put into error; else it is errno. */
static bool
entries_add(struct cdb_make *make, int fd, char *error, size_t error_size)
{
	struct userfile_reader *reader = malloc(sizeof(*reader));
	enum userfile_status status = USERFILE_ERROR;
	struct auth_span line, name;
	bool good = reader != NULL;

	if (good)
		userfile_start(reader, fd);
	while (good) {
		status = userfile_next(reader, &line);
		if (status != USERFILE_LINE)
			break;
		if (!userfile_is_entry(line))
			continue;
		/* Of two with one name, a search finds the one that was added first. */
		name = userfile_name(line);
		good = name.n == 0 || cdb_make_add(make, name.p, (unsigned)name.n, line.p,
					      (unsigned)line.n) == 0;
	}
	if (good && status == USERFILE_LONG)
		(void)snprintf(error, error_size, "line %lu is too long", reader->number);
	good = good && status == USERFILE_END;
	if (reader != NULL)
		explicit_bzero(reader, sizeof(*reader));
	free(reader);
	return good;
}

static bool
file_fill(int tmp, int fd, const struct stat *st, char *error, size_t error_size)
{
	char stamp[STAMP_MAX];
	size_t n = stamp_print(st, stamp);
	struct cdb_make make;
	bool good;

	if (cdb_make_start(&make, tmp) != 0)
		return false;
	good = cdb_make_add(&make, stamp_key, sizeof(stamp_key) - 1, stamp,
		       (unsigned)n) == 0 &&
	       entries_add(&make, fd, error, error_size);
	/* This also frees what it holds. */
	return cdb_make_finish(&make) == 0 && good;
}

/* A change while the file was read: what was read may be of neither state. */
static bool
file_stayed(int fd, const struct stat *before)
{
	char a[STAMP_MAX], b[STAMP_MAX];
	struct stat now;

	return fstat(fd, &now) == 0 && stamp_print(before, a) == stamp_print(&now, b) &&
	       strcmp(a, b) == 0;
}

bool
usercdb_compile(int dirfd, const char *name, int fd, char *error, size_t error_size)
{
	char cdb[NAME_MAX + 1], tmp[NAME_MAX + 1];
	struct stat st;
	bool good = false;
	int out = -1;

	error[0] = '\0';
	errno = 0;
	(void)snprintf(cdb, sizeof(cdb), "%.240s.cdb", name);
	(void)snprintf(tmp, sizeof(tmp), "%.240s.cdb.tmp", name);
	if (strlen(name) > 240)
		errno = ENAMETOOLONG;
	else if (fstat(fd, &st) == 0)
		out = tmp_open(dirfd, tmp, &st);
	if (out >= 0) {
		good = file_fill(out, fd, &st, error, error_size);
		if (good && !file_stayed(fd, &st)) {
			(void)snprintf(error, error_size, "changed while it was read");
			good = false;
		}
		good = good && fsync(out) == 0;
		good = close(out) == 0 && good;
	}
	good = good && renameat(dirfd, tmp, dirfd, cdb) == 0 && fsync(dirfd) == 0;
	if (good)
		return true;
	if (error[0] == '\0')
		(void)snprintf(error, error_size, "%s", strerror(errno));
	(void)unlinkat(dirfd, tmp, 0);
	return false;
}
