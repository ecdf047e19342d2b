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
