#include "mailstore/dotlock.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

#include "mailstore/dotlock_stale.h"

/* What the other names of the dotlock of NAME begin with: ".NAME.pop3d-dot-PID-". */
#define OWN_STEM ".pop3d-dot-"

/* New random digits each time: who has seen the last ones must not be in the way. */
static bool
names_fill(struct dotlock *d)
{
	int lock, own, aside;
	unsigned random;

	if (getrandom(&random, sizeof random, 0) != (ssize_t)sizeof random)
		return false;
	lock = snprintf(d->lock, sizeof d->lock, "%s.lock", d->name);
	own = snprintf(d->own, sizeof d->own, ".%s" OWN_STEM "%ld-%08x", d->name,
		(long)getpid(), random);
	aside = snprintf(d->aside, sizeof d->aside, "%s-stale", d->own);
	errno = ENAMETOOLONG;
	return lock > 0 && own > 0 && aside > 0 && (size_t)lock < sizeof d->lock &&
	       (size_t)own < sizeof d->own && (size_t)aside < sizeof d->aside;
}

static enum dotlock_result
fail(const struct dotlock *d, const char *what)
{
	d->options->log(d->options->cookie, LOG_ERR, "dotlock %s: %s: %s", d->lock, what,
		strerror(errno));
	return DOTLOCK_ERROR;
}

void
dotlock_init(struct dotlock *d, int dirfd, const char *name,
	const struct mail_options *options)
{
	*d = (struct dotlock){.options = options, .dirfd = dirfd, .name = name, .fd = -1};
}

/* Make way for our dotlock, if nobody needs the one that is there. */
static bool
lock_clear(struct dotlock *d, time_t now)
{
	const char *why;
	struct stat st;

	if (!dotlock_stale(d, now, &st, &why))
		return false;
	if (why == NULL)
		return true;
	if (!dotlock_stale_break(d, &st)) {
		if (!d->logged)
			(void)fail(d, "is stale, but cannot be removed");
		d->logged = true;
		return false;
	}
	d->options->log(
		d->options->cookie, LOG_WARNING, "dotlock %s: removed: %s", d->lock, why);
	return true;
}

/* No right to make a dotlock here: then what others may have put here counts. */
static enum dotlock_result
lock_look(struct dotlock *d)
{
	const char *why;
	struct stat st;

	return dotlock_stale(d, time(NULL), &st, &why) ? DOTLOCK_UNUSABLE : DOTLOCK_HELD;
}

static void
own_remove(struct dotlock *d)
{
	if (d->own_left)
		d->own_left = unlinkat(d->dirfd, d->own, 0) != 0 && errno != ENOENT;
}

/*
 * A full disk must not keep a user from deleting mail: an empty dotlock does as well, but
 * for its owner's death, which nobody can tell then.
 */
static bool
text_write(int fd)
{
	char host[HOST_NAME_MAX + 1] = "", text[HOST_NAME_MAX + 64];
	ssize_t put;
	int n;

	if (gethostname(host, sizeof host - 1) != 0)
		return false;
	n = snprintf(text, sizeof text, "%ld:%s\n", (long)getpid(), host);
	if (n <= 0 || (size_t)n >= sizeof text)
		return false;
	put = write(fd, text, (size_t)n);
	if (put == n)
		return true;
	if (put < 0 && errno != ENOSPC && errno != EDQUOT)
		return false;
	/* Half a pid would name another process. */
	return ftruncate(fd, 0) == 0;
}

/*
 * Only the number of links counts: over NFS the reply of link() may get lost.  A file
 * system without hard links is like a directory without write access.
 */
static enum dotlock_result
lock_link(struct dotlock *d, int fd, struct stat *st)
{
	int error = linkat(d->dirfd, d->own, d->dirfd, d->lock, 0) == 0 ? 0 : errno;

	if (fstat(fd, st) != 0) {
		(void)fail(d, "stat");
		/* Whether it can be used is not known, but it would bar everybody. */
		if (error == 0 && unlinkat(d->dirfd, d->lock, 0) != 0)
			(void)fail(d, "remove");
		return DOTLOCK_ERROR;
	}
	if (st->st_nlink == 2)
		return DOTLOCK_TAKEN;
	if (error == EPERM || error == EOPNOTSUPP || error == ENOSYS)
		return lock_look(d);
	return DOTLOCK_HELD;
}

/* The time stamp of the file just made tells the file server's clock. */
static enum dotlock_result
lock_take(struct dotlock *d, int fd)
{
	enum dotlock_result result;

	if (!text_write(fd))
		return fail(d, "write");
	result = lock_link(d, fd, &d->st);
	if (result == DOTLOCK_HELD && lock_clear(d, d->st.st_mtime))
		result = lock_link(d, fd, &d->st);
	return result;
}

enum dotlock_result
dotlock_try(struct dotlock *d)
{
	enum dotlock_result result;
	int fd;

	if (!names_fill(d))
		return fail(d, "name");
	fd = openat(d->dirfd, d->own,
		O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);
	if (fd == -1 && (errno == EACCES || errno == EPERM))
		return lock_look(d);
	if (fd == -1)
		return fail(d, "create");
	d->own_left = true;
	result = lock_take(d, fd);
	own_remove(d);
	if (result == DOTLOCK_TAKEN)
		d->fd = fd;
	else
		(void)close(fd);
	return result;
}

void
dotlock_touch(const struct dotlock *d)
{
	if (d->fd != -1)
		(void)futimens(d->fd, NULL);
}

bool
dotlock_release(struct dotlock *d)
{
	own_remove(d);
	if (d->fd != -1) {
		/* Somebody may have taken it over: only our own file is removed. */
		if (!dotlock_stale_break(d, &d->st)) {
			(void)fail(d, "remove");
			d->left = true;
		}
		(void)close(d->fd);
		d->fd = -1;
	}
	return !d->own_left && !d->left;
}

/* The process whose other name of the dotlock of `name` an entry is; 0: it is none. */
static pid_t
name_pid(const char *entry, const char *name)
{
	const size_t n = strlen(name);
	char *end;
	long pid;

	if (entry[0] != '.' || strncmp(entry + 1, name, n) != 0 ||
		strncmp(entry + 1 + n, OWN_STEM, strlen(OWN_STEM)) != 0)
		return 0;
	entry += 1 + n + strlen(OWN_STEM);
	if (*entry < '1' || *entry > '9')
		return 0;
	errno = 0;
	pid = strtol(entry, &end, 10);
	return errno == 0 && *end == '-' && pid == (long)(pid_t)pid ? (pid_t)pid : 0;
}

/*
 * Remove an entry if it is a file that a session of this user left when it died.  False:
 * it may be one.
 */
static bool
entry_sweep(int dirfd, const char *entry, const char *name)
{
	const pid_t pid = name_pid(entry, name);
	struct stat st;

	if (pid == 0)
		return true;
	if (fstatat(dirfd, entry, &st, AT_SYMLINK_NOFOLLOW) != 0)
		return errno == ENOENT;
	if (!S_ISREG(st.st_mode) || st.st_uid != geteuid() ||
		!(dotlock_stale_pid(pid) || dotlock_stale_start(&st, DOTLOCK_SLACK)))
		return true;
	return unlinkat(dirfd, entry, 0) == 0 || errno == ENOENT;
}

bool
dotlock_sweep_due(int dirfd, const char *witness)
{
	struct stat st;

	return fstatat(dirfd, witness, &st, AT_SYMLINK_NOFOLLOW) != 0 ||
	       dotlock_stale_start(&st, 0);
}

bool
dotlock_sweep(int dirfd, const char *name)
{
	const int fd = openat(dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *directory = fd == -1 ? NULL : fdopendir(fd);
	const struct dirent *entry;
	bool swept = true;

	if (directory == NULL) {
		/* What may not be read will not be swept next time either. */
		swept = fd == -1 && errno == EACCES;
		if (fd != -1)
			(void)close(fd);
		return swept;
	}
	for (;;) {
		errno = 0;
		entry = readdir(directory);
		if (entry == NULL)
			break;
		swept = entry_sweep(dirfd, entry->d_name, name) && swept;
	}
	if (errno != 0)
		swept = false;
	(void)closedir(directory);
	return swept;
}
