#include "auth/useredit.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

#include "auth/usercdb.h"

#define SCRAM_WORD "scram="
#define LOCK_TRIES 200
#define LOCK_PAUSE_NS 50000000L

static bool
fail(struct useredit *edit, const char *suffix, const char *why)
{
	(void)snprintf(
		edit->error, sizeof(edit->error), "%s%s: %s", edit->name, suffix, why);
	useredit_abort(edit);
	return false;
}

static bool
fail_errno(struct useredit *edit, const char *suffix)
{
	return fail(edit, suffix, strerror(errno));
}

/* Where the file really is, so that a link and its target have one lock. */
static bool
directory_open(struct useredit *edit, const char *path)
{
	char real[PATH_MAX];
	char *base;
	int n = 0;

	if (realpath(path, real) == NULL) {
		if (errno == ENOENT)
			n = snprintf(real, sizeof(real), "%s%s",
				strchr(path, '/') == NULL ? "./" : "", path);
		if (n <= 0 || (size_t)n >= sizeof(real)) {
			(void)snprintf(edit->error, sizeof(edit->error), "%s: %s", path,
				strerror(errno));
			return false;
		}
	}
	base = strrchr(real, '/') + 1;
	n = snprintf(edit->name, sizeof(edit->name), "%s", base);
	(void)snprintf(edit->lock, sizeof(edit->lock), "%s.lock", edit->name);
	(void)snprintf(edit->tmp, sizeof(edit->tmp), "%s.tmp", edit->name);
	if (n <= 0 || (size_t)n >= sizeof(edit->name)) {
		(void)snprintf(
			edit->error, sizeof(edit->error), "%s: bad file name", path);
		return false;
	}
	*base = '\0';
	edit->dirfd = open(real, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (edit->dirfd < 0)
		(void)snprintf(edit->error, sizeof(edit->error), "%.400s: %s", real,
			strerror(errno));
	return edit->dirfd >= 0;
}

static bool
lock_take(struct useredit *edit)
{
	const struct timespec pause = {0, LOCK_PAUSE_NS};

	edit->lockfd = openat(edit->dirfd, edit->lock,
		O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0600);
	if (edit->lockfd < 0)
		return fail_errno(edit, ".lock");
	for (int i = 0; i < LOCK_TRIES; i++) {
		if (flock(edit->lockfd, LOCK_EX | LOCK_NB) == 0)
			return true;
		if (errno != EWOULDBLOCK && errno != EINTR)
			return fail_errno(edit, ".lock");
		(void)nanosleep(&pause, NULL);
	}
	return fail(edit, ".lock", "held by another edit");
}

static bool
old_open(struct useredit *edit, bool create)
{
	edit->fd = openat(
		edit->dirfd, edit->name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (edit->fd < 0)
		return (create && errno == ENOENT) || fail_errno(edit, "");
	if (fstat(edit->fd, &edit->st) != 0)
		return fail_errno(edit, "");
	if (!S_ISREG(edit->st.st_mode))
		return fail(edit, "", "not a regular file");
	return true;
}

/* Whoever could read the old file can read the new one, but never everybody. */
static bool
new_open(struct useredit *edit)
{
	struct stat st;

	/* One that is there was left behind by an edit that died: we have the lock. */
	if (unlinkat(edit->dirfd, edit->tmp, 0) != 0 && errno != ENOENT)
		return fail_errno(edit, ".tmp");
	edit->tmpfd = openat(edit->dirfd, edit->tmp,
		O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (edit->tmpfd < 0 || fstat(edit->tmpfd, &st) != 0)
		return fail_errno(edit, ".tmp");
	if (edit->fd < 0)
		return true;
	if ((st.st_uid != edit->st.st_uid || st.st_gid != edit->st.st_gid) &&
		fchown(edit->tmpfd, edit->st.st_uid, edit->st.st_gid) != 0)
		return fail_errno(edit, ": its owner cannot be kept");
	if (fchmod(edit->tmpfd, edit->st.st_mode & 0660) != 0)
		return fail_errno(edit, ".tmp");
	return true;
}

bool
useredit_begin(struct useredit *edit, const char *path, bool create)
{
	memset(edit, 0, sizeof(*edit));
	edit->dirfd = edit->lockfd = edit->fd = edit->tmpfd = -1;
	return directory_open(edit, path) && lock_take(edit) && old_open(edit, create) &&
	       new_open(edit);
}

static bool
all_write(struct useredit *edit, const char *text, size_t n)
{
	while (n > 0) {
		ssize_t done = write(edit->tmpfd, text, n);

		if (done < 0 && errno == EINTR)
			continue;
		if (done < 0)
			return fail_errno(edit, ".tmp");
		text += done;
		n -= (size_t)done;
	}
	return true;
}

static bool
old_copy(struct useredit *edit, off_t to)
{
	char block[16384];
	bool good = true;

	while (good && edit->cursor < to) {
		off_t left = to - edit->cursor;
		size_t want = left < (off_t)sizeof(block) ? (size_t)left : sizeof(block);
		ssize_t n = pread(edit->fd, block, want, edit->cursor);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			good = fail_errno(edit, "");
		else if (n == 0)
			good = fail(edit, "", "became shorter while it was read");
		else
			good = all_write(edit, block, (size_t)n);
		if (good)
			edit->cursor += n;
	}
	explicit_bzero(block, sizeof(block));
	return good;
}

bool
useredit_splice(struct useredit *edit, off_t from, off_t to, const char *text, size_t n)
{
	if (!old_copy(edit, from) || !all_write(edit, text, n))
		return false;
	edit->cursor = to;
	return true;
}

/* A database that was not renewed is not used, so this is no reason to fail. */
static void
database_renew(struct useredit *edit)
{
	char cdb[sizeof(edit->name) + 4], why[200];
	int fd;

	(void)snprintf(cdb, sizeof(cdb), "%s.cdb", edit->name);
	if (faccessat(edit->dirfd, cdb, F_OK, AT_SYMLINK_NOFOLLOW) != 0)
		return;
	fd = openat(edit->dirfd, edit->name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		(void)snprintf(why, sizeof(why), "%s", strerror(errno));
	if (fd < 0 || !usercdb_compile(edit->dirfd, edit->name, fd, why, sizeof(why)))
		(void)snprintf(edit->error, sizeof(edit->error),
			"%s.cdb: out of date: %s", edit->name, why);
	if (fd >= 0)
		(void)close(fd);
}

bool
useredit_password(struct useredit *edit, const struct userfile_reader *reader,
	struct auth_span line, const char *secret)
{
	const unsigned char *start = memchr(line.p, ':', line.n), *end;
	off_t from = reader->line_start + (off_t)line.n, to = from;

	if (start != NULL) {
		start++;
		from = reader->line_start + (start - line.p);
		end = memchr(start, ':', line.n - (size_t)(start - line.p));
		to = end != NULL ? from + (end - start) : to;
	} else if (!useredit_splice(edit, from, from, ":", 1)) {
		return false;
	}
	return useredit_splice(edit, from, to, secret, strlen(secret));
}

/* The word "scram=..." of the extra field; where it would be added if there is none. */
static struct auth_span
keys_find(struct auth_span line)
{
	struct userfile_entry entry;
	struct auth_span word = {line.p + line.n, 0};

	if (userfile_parse(line, &entry) == NULL && entry.scram.p != NULL) {
		word.p = entry.scram.p - strlen(SCRAM_WORD);
		word.n = entry.scram.n + strlen(SCRAM_WORD);
	}
	return word;
}

/* The colons that a line lacks up to its extra field; NULL: that is no list of words. */
static const char *
colons_lacking(struct auth_span line)
{
	static const char colons[] = ":::::::";
	size_t n = 0;

	for (size_t i = 0; i < line.n; i++) {
		n += line.p[i] == ':';
		if (n == sizeof(colons) && line.p[i] == ':' && line.p[i - 1] == ':')
			return NULL;
	}
	/* A line without any gets one with its password. */
	n += n == 0;
	return colons + (n < sizeof(colons) - 1 ? n : sizeof(colons) - 1);
}

bool
useredit_keys(struct useredit *edit, const struct userfile_reader *reader,
	struct auth_span line, const char *keys, bool add)
{
	struct auth_span word = keys_find(line);
	off_t from = reader->line_start + (word.p - line.p);
	const char *before;
	char text[512];
	int n = 0;

	if (keys == NULL || (word.n == 0 && !add)) {
		/* One of the blanks around it goes, too. */
		if (word.n > 0 && word.p[-1] == ' ') {
			from--;
			word.n++;
		}
		return useredit_splice(edit, from, from + (off_t)word.n, "", 0);
	}
	before = word.n > 0 ? "" : colons_lacking(line);
	if (before == NULL)
		return fail(edit, "", "the entry's extra field is of an old form");
	if (word.n == 0 && before[0] == '\0' && line.p[line.n - 1] != ':')
		before = " ";
	n = snprintf(text, sizeof(text), "%s" SCRAM_WORD "%s", before, keys);
	return n > 0 && (size_t)n < sizeof(text) &&
	       useredit_splice(edit, from, from + (off_t)word.n, text, (size_t)n);
}

bool
useredit_commit(struct useredit *edit)
{
	int fd, why;

	if (!old_copy(edit, edit->st.st_size))
		return false;
	if (fsync(edit->tmpfd) != 0)
		return fail_errno(edit, ".tmp");
	fd = edit->tmpfd;
	edit->tmpfd = -1;
	if (close(fd) != 0 ||
		renameat(edit->dirfd, edit->tmp, edit->dirfd, edit->name) != 0) {
		why = errno;
		(void)unlinkat(edit->dirfd, edit->tmp, 0);
		return fail(edit, ".tmp", strerror(why));
	}
	if (fsync(edit->dirfd) != 0)
		return fail_errno(edit, ": written, but perhaps not durably");
	database_renew(edit);
	useredit_abort(edit);
	return true;
}

void
useredit_abort(struct useredit *edit)
{

	if (edit->tmpfd >= 0) {
		(void)unlinkat(edit->dirfd, edit->tmp, 0);
		(void)close(edit->tmpfd);
	}
	if (edit->fd >= 0)
		(void)close(edit->fd);
	/* The lock goes last. */
	if (edit->lockfd >= 0)
		(void)close(edit->lockfd);
	if (edit->dirfd >= 0)
		(void)close(edit->dirfd);
	edit->dirfd = edit->lockfd = edit->fd = edit->tmpfd = -1;
}
