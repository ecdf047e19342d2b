#include "mailstore/dotlock.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <syslog.h>
#include <unistd.h>

struct dotlock {
	const struct mail_options *options;
	int dirfd;
	char lock[NAME_MAX + 1];  /* what others look for */
	char own[NAME_MAX + 1];   /* our own name of it */
	char aside[NAME_MAX + 1]; /* where a stale one goes */
};

static bool
names_fill(struct dotlock *d, int dirfd, const char *name,
	const struct mail_options *options)
{
	int lock, own, aside;

	d->options = options;
	d->dirfd = dirfd;
	lock = snprintf(d->lock, sizeof d->lock, "%s.lock", name);
	own = snprintf(d->own, sizeof d->own, ".%s.pop3d-dot", name);
	aside = snprintf(d->aside, sizeof d->aside, ".%s.pop3d-stale", name);
	errno = ENAMETOOLONG;
	return lock > 0 && (size_t)lock < sizeof d->lock && own > 0 &&
	       (size_t)own < sizeof d->own && aside > 0 &&
	       (size_t)aside < sizeof d->aside;
}

static enum dotlock_result
fail(const struct dotlock *d, const char *what)
{
	d->options->log(d->options->cookie, LOG_ERR, "dotlock %s: %s: %s", d->lock, what,
		strerror(errno));
	return DOTLOCK_ERROR;
}

static bool
stat_name(const struct dotlock *d, const char *name, struct stat *st)
{
	return fstatat(d->dirfd, name, st, AT_SYMLINK_NOFOLLOW) == 0;
}

static bool
same_file(const struct stat *a, const struct stat *b)
{
	return a->st_dev == b->st_dev && a->st_ino == b->st_ino;
}

/*
 * Remove the dotlock if it is the file that was judged.  It is moved aside first: a
 * bare unlink might hit a fresh lock that someone took since it was judged, and such a
 * one is put back.
 */
static bool
lock_break(const struct dotlock *d, const struct stat *judged)
{
	struct stat st;

	if (!stat_name(d, d->lock, &st) || !same_file(&st, judged))
		return true;
	if (renameat(d->dirfd, d->lock, d->dirfd, d->aside) != 0)
		return errno == ENOENT;
	if (stat_name(d, d->aside, &st) && !same_file(&st, judged) &&
		linkat(d->dirfd, d->aside, d->dirfd, d->lock, 0) != 0)
		(void)fail(d, "put back");
	return unlinkat(d->dirfd, d->aside, 0) == 0 || errno == ENOENT;
}

/* Where a pid in a lock without a host can only be one of this host. */
static bool
directory_is_local(const struct dotlock *d)
{
	/* As in linux/magic.h: ext, XFS, Btrfs, tmpfs, F2FS, ZFS, overlayfs. */
	static const unsigned long local[] = {0xef53, 0x58465342, 0x9123683e, 0x01021994,
		0xf2f52010, 0x2fc12fc1, 0x794c7630};
	struct statfs fs;

	if (fstatfs(d->dirfd, &fs) != 0)
		return false;
	for (size_t i = 0; i < sizeof local / sizeof *local; i++)
		if ((unsigned long)fs.f_type == local[i])
			return true;
	return false;
}

/* The usual texts are "PID" and "PID:HOST".  Anything else tells nothing. */
static bool
text_names_dead(const struct dotlock *d, char *text)
{
	char host[HOST_NAME_MAX + 1] = "";
	char *end;
	long pid;

	if (*text < '1' || *text > '9')
		return false;
	errno = 0;
	pid = strtol(text, &end, 10);
	if (errno != 0 || pid != (long)(pid_t)pid)
		return false;
	if (*end == ':') {
		end++;
		end[strcspn(end, ":\n")] = '\0';
		if (gethostname(host, sizeof host - 1) != 0 || strcmp(host, end) != 0)
			return false;
	} else if ((*end != '\0' && *end != '\n') || !directory_is_local(d))
		return false;
	/* A sandbox that forbids the question says EPERM: alive. */
	return kill((pid_t)pid, 0) != 0 && errno == ESRCH;
}

static bool
lock_names_dead(const struct dotlock *d, const struct stat *judged)
{
	char text[HOST_NAME_MAX + 64];
	struct stat st;
	ssize_t n = -1;
	int fd;

	fd = openat(d->dirfd, d->lock,
		O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (fd == -1)
		return false;
	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && same_file(&st, judged))
		n = read(fd, text, sizeof text - 1);
	(void)close(fd);
	if (n <= 0)
		return false;
	text[n] = '\0';
	return text_names_dead(d, text);
}

/*
 * Whether the way is free after all.  now is the time stamp of a file that the file
 * server has just made: our own clock may differ from it.
 */
static bool
lock_is_stale(const struct dotlock *d, time_t now)
{
	struct stat st;
	const char *why;

	if (!stat_name(d, d->lock, &st))
		return errno == ENOENT;
	if (now - st.st_mtime > DOTLOCK_STALE)
		why = "nobody renewed it for five minutes";
	else if (lock_names_dead(d, &st))
		why = "its process is dead";
	else
		return false;
	if (!lock_break(d, &st)) {
		(void)fail(d, "is stale, but cannot be removed");
		return false;
	}
	d->options->log(
		d->options->cookie, LOG_WARNING, "dotlock %s: removed: %s", d->lock, why);
	return true;
}

/* What a session that was killed left behind: our own name, and perhaps a dotlock. */
static bool
leftover_remove(const struct dotlock *d)
{
	struct stat own, lock;

	if (stat_name(d, d->own, &own) && stat_name(d, d->lock, &lock) &&
		same_file(&own, &lock) && !lock_break(d, &lock))
		return false;
	return unlinkat(d->dirfd, d->own, 0) == 0 || errno == ENOENT;
}

static bool
text_write(int fd)
{
	char host[HOST_NAME_MAX + 1] = "", text[HOST_NAME_MAX + 64];
	int n;

	if (gethostname(host, sizeof host - 1) != 0)
		return false;
	n = snprintf(text, sizeof text, "%ld:%s\n", (long)getpid(), host);
	return n > 0 && (size_t)n < sizeof text && write(fd, text, (size_t)n) == n;
}

/*
 * Only the number of links counts: over NFS the reply of link() may get lost.  A file
 * system without hard links is like a directory without write access.
 */
static enum dotlock_result
lock_link(const struct dotlock *d, int fd, struct stat *st)
{
	int error = linkat(d->dirfd, d->own, d->dirfd, d->lock, 0) == 0 ? 0 : errno;

	if (fstat(fd, st) != 0)
		return fail(d, "stat");
	if (st->st_nlink == 2)
		return DOTLOCK_TAKEN;
	if (error == EPERM || error == EOPNOTSUPP || error == ENOSYS)
		return DOTLOCK_UNUSABLE;
	return DOTLOCK_HELD;
}

static int
own_create(const struct dotlock *d)
{
	const int flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC;
	int fd = openat(d->dirfd, d->own, flags, 0644);

	if (fd == -1 && errno == EEXIST) {
		if (!leftover_remove(d)) {
			/* Not to be taken for a directory without write access. */
			errno = EEXIST;
			return -1;
		}
		fd = openat(d->dirfd, d->own, flags, 0644);
	}
	return fd;
}

enum dotlock_result
dotlock_try(int dirfd, const char *name, const struct mail_options *options)
{
	enum dotlock_result result;
	struct dotlock d;
	struct stat st;
	int fd;

	if (!names_fill(&d, dirfd, name, options))
		return fail(&d, "name");
	fd = own_create(&d);
	if (fd == -1 && (errno == EACCES || errno == EPERM || errno == EROFS))
		return DOTLOCK_UNUSABLE;
	if (fd == -1)
		return fail(&d, "create");
	if (!text_write(fd))
		result = fail(&d, "write");
	else {
		result = lock_link(&d, fd, &st);
		if (result == DOTLOCK_HELD && lock_is_stale(&d, st.st_mtime))
			result = lock_link(&d, fd, &st);
	}
	if (close(fd) != 0 && result == DOTLOCK_TAKEN)
		result = fail(&d, "close");
	if (result != DOTLOCK_TAKEN)
		(void)leftover_remove(&d);
	return result;
}

void
dotlock_release(int dirfd, const char *name, const struct mail_options *options)
{
	struct dotlock d;

	if (!names_fill(&d, dirfd, name, options))
		return;
	/* leftover_remove() keeps its hands off a lock that someone else took over. */
	if (!leftover_remove(&d))
		(void)fail(&d, "remove");
}
