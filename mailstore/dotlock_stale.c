#include "mailstore/dotlock_stale.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/vfs.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

#define LOCK_SIZE_MAX 1024 /* of any mail program */
#define TEXT_SIZE (HOST_NAME_MAX + 64)

enum owner {
	OWNER_UNKNOWN,
	OWNER_ALIVE,
	OWNER_DEAD,
};

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

bool
dotlock_stale_pid(pid_t pid)
{
	return kill(pid, 0) != 0 && errno == ESRCH;
}

/* The usual texts are "PID" and "PID:HOST".  Anything else tells nothing: 0. */
static pid_t
text_pid(const struct dotlock *d, char *text)
{
	char host[HOST_NAME_MAX + 1] = "";
	char *end;
	long pid;

	if (*text < '1' || *text > '9')
		return 0;
	errno = 0;
	pid = strtol(text, &end, 10);
	if (errno != 0 || pid != (long)(pid_t)pid)
		return 0;
	if (*end == ':') {
		end++;
		end[strcspn(end, ":\n")] = '\0';
		if (gethostname(host, sizeof host - 1) != 0 || strcmp(host, end) != 0)
			return 0;
	} else if ((*end != '\0' && *end != '\n') || !directory_is_local(d))
		return 0;
	return (pid_t)pid;
}

/* What the file begins with; "" if it cannot be read. */
static void
lock_read(const struct dotlock *d, const struct stat *judged, char text[TEXT_SIZE])
{
	struct stat st;
	ssize_t n = -1;
	int fd;

	fd = openat(d->dirfd, d->lock,
		O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (fd != -1) {
		if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && same_file(&st, judged))
			n = read(fd, text, TEXT_SIZE - 1);
		(void)close(fd);
	}
	text[n > 0 ? n : 0] = '\0';
}

/* Whether it is something else, perhaps the mbox of a user whose name ends so. */
static bool
lock_is_odd(const struct stat *st, const char *text)
{
	return !S_ISREG(st->st_mode) || st->st_size > LOCK_SIZE_MAX ||
	       strncmp(text, "From ", 5) == 0;
}

bool
dotlock_stale_start(const struct stat *st, time_t slack)
{
	struct timespec now, up;

	return clock_gettime(CLOCK_REALTIME, &now) == 0 &&
	       clock_gettime(CLOCK_BOOTTIME, &up) == 0 &&
	       st->st_mtime + slack < now.tv_sec - up.tv_sec;
}

static enum owner
lock_owner(const struct dotlock *d, const struct stat *st, char text[TEXT_SIZE])
{
	const bool with_host = strchr(text, ':') != NULL;
	const pid_t pid = text_pid(d, text);

	/*
	 * Nobody syncs a lock, so loss of power may leave one without its text.  One that
	 * names no other host does not outlive the machine that holds the directory.
	 */
	if ((pid != 0 || *text == '\0') && dotlock_stale_start(st, 0) &&
		directory_is_local(d))
		return OWNER_DEAD;
	if (pid == 0)
		return OWNER_UNKNOWN;
	/*
	 * Ours, as we write it, is one that could not be removed: we are about to take
	 * it.
	 */
	if (pid == getpid() && with_host)
		return OWNER_DEAD;
	if (dotlock_stale_pid(pid)) {
		/*
		 * Those who live remove their lock before they end, and the next owner's
		 * may have the same inode: a dead one's is still there afterwards.
		 */
		lock_read(d, st, text);
		return text_pid(d, text) == pid ? OWNER_DEAD : OWNER_ALIVE;
	}
	/* Then a process that has the pid now is another one. */
	return dotlock_stale_start(st, DOTLOCK_SLACK) ? OWNER_UNKNOWN : OWNER_ALIVE;
}

bool
dotlock_stale(struct dotlock *d, time_t now, struct stat *st, const char **why)
{
	char text[TEXT_SIZE];
	enum owner owner;

	*why = NULL;
	if (!stat_name(d, d->lock, st))
		return errno == ENOENT;
	lock_read(d, st, text);
	if (lock_is_odd(st, text)) {
		if (!d->logged)
			d->options->log(d->options->cookie, LOG_ERR,
				"dotlock %s: not a lock of a mail program: left alone",
				d->lock);
		d->logged = true;
		return false;
	}
	owner = lock_owner(d, st, text);
	if (owner == OWNER_DEAD)
		*why = "its process is dead";
	else if (owner == OWNER_UNKNOWN && now - st->st_mtime > DOTLOCK_STALE)
		*why = "nobody renewed it for five minutes";
	return *why != NULL;
}

/*
 * It is moved aside first: a bare unlink might hit a fresh lock that someone took since
 * it was judged, and such a one is put back.
 */
bool
dotlock_stale_break(struct dotlock *d, const struct stat *judged)
{
	struct stat st;

	if (!stat_name(d, d->lock, &st))
		return errno == ENOENT;
	if (!same_file(&st, judged))
		return true;
	if (renameat(d->dirfd, d->lock, d->dirfd, d->aside) != 0)
		return errno == ENOENT;
	if (stat_name(d, d->aside, &st) && !same_file(&st, judged) &&
		linkat(d->dirfd, d->aside, d->dirfd, d->lock, 0) != 0)
		d->options->log(d->options->cookie, LOG_ERR, "dotlock %s: put back: %s",
			d->lock, strerror(errno));
	/* Under this name it locks nobody out. */
	if (unlinkat(d->dirfd, d->aside, 0) != 0 && errno != ENOENT)
		d->left = true;
	return true;
}
