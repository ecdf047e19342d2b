#include "pop3d/ctl/convert.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "mailstore/ids_give.h"

#define WORK_PREFIX ".pop3d-convert-"

int
convert_fail(const struct convert *c, const char *what)
{
	const int error = errno;

	ctl_error("%s: %s: %s", c->to.path, what, strerror(error));
	return EX_CANTCREAT;
}

static bool
directory_is_empty(int parent, const char *name)
{
	const int fd =
		openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
	const struct dirent *entry;
	bool empty = dir != NULL;

	while (empty && (entry = readdir(dir)) != NULL)
		empty = strcmp(entry->d_name, ".") == 0 ||
			strcmp(entry->d_name, "..") == 0;
	if (dir != NULL)
		(void)closedir(dir);
	else if (fd >= 0)
		(void)close(fd);
	return empty;
}

/*
 * Only an empty directory may be there: the kernel takes its place in one step, and not
 * if something has come into it.  Of a file nobody knows who is about to write to it.
 */
static int
place_check(const struct convert *c)
{
	struct stat st;

	if (fstatat(c->parent, c->name, &st, AT_SYMLINK_NOFOLLOW) != 0)
		return errno == ENOENT ? 0 : convert_fail(c, "stat");
	if (c->to_maildir && S_ISDIR(st.st_mode) &&
		directory_is_empty(c->parent, c->name))
		return 0;
	ctl_error("%s exists: move it away first", c->to.path);
	return EX_CANTCREAT;
}

int
convert_work_check(struct convert *c)
{
	char parent[sizeof(c->to.path)];
	const char *slash = strrchr(c->to.path, '/');
	const char *name = slash + 1;
	const size_t n = slash == c->to.path ? 1 : (size_t)(slash - c->to.path);
	int length;

	memcpy(parent, c->to.path, n);
	parent[n] = '\0';
	length = snprintf(c->work_name, sizeof(c->work_name), WORK_PREFIX "%s", name);
	if (*name == '\0' || strcmp(name, ".") == 0 || strcmp(name, "..") == 0 ||
		length < 0 || (size_t)length >= sizeof(c->work_name)) {
		ctl_error("%s does not end in a name that can be used", c->to.path);
		return EX_USAGE;
	}
	memcpy(c->name, name, strlen(name) + 1);
	c->parent = open(parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (c->parent < 0)
		return convert_fail(c, parent);
	return place_check(c);
}

static bool
work_is_ours(const struct convert *c)
{
	struct stat st;

	/* Where anybody may make files, somebody else may have made it. */
	return fstat(c->work, &st) == 0 && st.st_uid == geteuid() &&
	       (st.st_mode & (S_IWGRP | S_IWOTH)) == 0;
}

static bool
work_open(struct convert *c)
{
	c->work = openat(
		c->parent, c->work_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	return c->work >= 0;
}

void
convert_work_sweep(struct convert *c)
{
	if (c->parent >= 0 && work_open(c) && work_is_ours(c) &&
		faccessat(c->work, CONVERT_BUILT(c), F_OK, AT_SYMLINK_NOFOLLOW) != 0)
		c->locked = flock(c->work, LOCK_EX | LOCK_NB) == 0;
}

int
convert_work_open(struct convert *c)
{
	if (mkdirat(c->parent, c->work_name, 0700) != 0 && errno != EEXIST)
		return convert_fail(c, "make a directory to build it in");
	if (!work_open(c))
		return convert_fail(c, c->work_name);
	if (!work_is_ours(c)) {
		ctl_error("%s beside it is another user's", c->work_name);
		return EX_CANTCREAT;
	}
	c->locked = flock(c->work, LOCK_EX | LOCK_NB) == 0;
	if (c->locked)
		return 0;
	if (errno != EWOULDBLOCK)
		return convert_fail(c, "lock the directory it is built in");
	ctl_error("%s: another conversion to it is going on", c->to.path);
	return EX_TEMPFAIL;
}

static bool
mbox_place(const struct convert *c)
{
	if (renameat2(c->work, "mbox", c->parent, c->name, RENAME_NOREPLACE) == 0)
		return true;
	if (errno != EINVAL && errno != ENOSYS)
		return false;
	return linkat(c->work, "mbox", c->parent, c->name, 0) == 0 &&
	       unlinkat(c->work, "mbox", 0) == 0;
}

/*
 * The ids go first, so that no session ever sees the mbox without them; and the lock
 * keeps any from looking in between.
 */
static int
mbox_commit(struct convert *c)
{
	struct mail_options here = c->source->options;
	struct mailstore *from = NULL, *to = NULL;
	enum mail_status status;
	int result = EX_IOERR;

	here.home = "";
	status = c->to.ops->open(&from, c->work, "mbox", &here);
	if (status == MAIL_OK)
		status = c->to.ops->open(&to, -1, c->to.path, &c->source->options);
	if (status == MAIL_OK)
		status = mail_ids_copy(from, to);
	if (status == MAIL_OK)
		result = mbox_place(c) ? 0 : convert_fail(c, "put it in its place");
	else
		ctl_error("%s: it cannot be locked, or its unique-ids cannot be kept",
			c->to.path);
	c->to.ops->close(to);
	c->to.ops->close(from);
	return result;
}

static int
maildir_commit(struct convert *c)
{
	if (renameat(c->work, "Maildir", c->parent, c->name) == 0)
		return 0;
	return convert_fail(c, "put it in its place");
}

int
convert_work_commit(struct convert *c)
{
	const int status = c->to_maildir ? maildir_commit(c) : mbox_commit(c);

	if (status == 0 && fsync(c->parent) != 0)
		return convert_fail(c, "sync its directory");
	return status;
}

/* Files only: the drivers' own, and an mbox that is not whole. */
static void
files_remove(int fd)
{
	const int own = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = own >= 0 ? fdopendir(own) : NULL;
	const struct dirent *entry;

	while (dir != NULL && (entry = readdir(dir)) != NULL)
		(void)unlinkat(fd, entry->d_name, 0);
	if (dir != NULL)
		(void)closedir(dir);
	else if (own >= 0)
		(void)close(own);
}

void
convert_work_close(struct convert *c, bool keep)
{
	/* Without the lock what stands there is another conversion's. */
	if (c->locked) {
		if (!keep || !c->to_maildir)
			files_remove(c->work);
		/* Of a Maildir that is not finished it is not empty, and stays. */
		(void)unlinkat(c->parent, c->work_name, AT_REMOVEDIR);
	}
	if (c->work >= 0)
		(void)close(c->work);
	if (c->parent >= 0)
		(void)close(c->parent);
	c->locked = false;
	c->work = c->parent = -1;
}
