#include "pop3d/ctl/mailbox_owner.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#define LINKS_MAX 20

/* A path that is being followed, with what is known of those who have a say in it. */
struct walk {
	int dir;             /* where it has come to, O_PATH */
	char rest[PATH_MAX]; /* what is still to be followed, relative to dir */
	uid_t user;          /* the one user but root met so far; 0: none yet */
	int links;
	const char *error;
	int status;
};

static bool
walk_fail(struct walk *walk, const char *error, int status)
{
	walk->error = error;
	walk->status = status;
	return false;
}

static bool
walk_errno(struct walk *walk)
{
	if (errno == ENOENT)
		return walk_fail(walk, "there is no such maildrop", EX_NOINPUT);
	return walk_fail(walk, strerror(errno), EX_TEMPFAIL);
}

/* Whoever owns a part of the way can turn it. */
static bool
owner_note(struct walk *walk, uid_t uid)
{
	if (uid == 0 || uid == walk->user)
		return true;
	if (walk->user != 0)
		return walk_fail(walk,
			"more than one user has a say in where the path leads: "
			"give the name of a user",
			EX_NOPERM);
	walk->user = uid;
	return true;
}

static bool
directory_enter(struct walk *walk, const char *name)
{
	const int dir =
		openat(walk->dir, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	struct stat st;

	if (dir < 0)
		return walk_errno(walk);
	if (walk->dir >= 0)
		(void)close(walk->dir);
	walk->dir = dir;
	if (fstat(dir, &st) != 0)
		return walk_errno(walk);
	if ((st.st_mode & S_IWOTH) != 0 && (st.st_mode & S_ISVTX) == 0)
		return walk_fail(walk,
			"everybody can write to a directory on the way: give the name of "
			"a user",
			EX_NOPERM);
	return owner_note(walk, st.st_uid);
}

static bool
link_follow(struct walk *walk, const char *name, uid_t uid)
{
	char target[PATH_MAX], rest[PATH_MAX];
	ssize_t n;
	int total;

	if (!owner_note(walk, uid))
		return false;
	if (++walk->links > LINKS_MAX)
		return walk_fail(walk, strerror(ELOOP), EX_NOPERM);
	n = readlinkat(walk->dir, name, target, sizeof(target) - 1);
	if (n < 0)
		return walk_errno(walk);
	target[n] = '\0';
	total = snprintf(rest, sizeof(rest), "%s/%s", target, walk->rest);
	if (total < 0 || (size_t)total >= sizeof(rest))
		return walk_fail(walk, strerror(ENAMETOOLONG), EX_NOPERM);
	memcpy(walk->rest, rest, (size_t)total + 1);
	return rest[0] != '/' || directory_enter(walk, "/");
}

/* Cut the next component off what is left; false at the end. */
static bool
component_cut(struct walk *walk, char name[NAME_MAX + 1])
{
	const char *p = walk->rest + strspn(walk->rest, "/");
	const size_t n = strcspn(p, "/");

	if (n == 0)
		return false;
	if (n > NAME_MAX)
		return walk_fail(walk, strerror(ENAMETOOLONG), EX_NOPERM);
	memcpy(name, p, n);
	name[n] = '\0';
	p += n;
	p += strspn(p, "/");
	memmove(walk->rest, p, strlen(p) + 1);
	return true;
}

/* One component; *st is what it is, and the walk is at its end if nothing is left. */
static bool
component_take(struct walk *walk, const char *name, struct stat *st)
{
	if (fstatat(walk->dir, name, st, AT_SYMLINK_NOFOLLOW) != 0)
		return walk_errno(walk);
	if (walk->rest[0] == '\0') {
		if (S_ISLNK(st->st_mode))
			return walk_fail(walk, "it is a symbolic link", EX_NOPERM);
		return owner_note(walk, st->st_uid);
	}
	if (S_ISLNK(st->st_mode))
		return link_follow(walk, name, st->st_uid);
	return directory_enter(walk, name);
}

const char *
mailbox_owner_find(const char *path, struct stat *st, int *status)
{
	static struct walk walk;
	char name[NAME_MAX + 1];
	bool any = false;

	walk = (struct walk){.dir = -1};
	if (strlen(path) >= sizeof(walk.rest))
		(void)walk_fail(&walk, strerror(ENAMETOOLONG), EX_NOPERM);
	else {
		memcpy(walk.rest, path, strlen(path) + 1);
		(void)directory_enter(&walk, "/");
	}
	while (walk.error == NULL && component_cut(&walk, name)) {
		any = true;
		(void)component_take(&walk, name, st);
	}
	if (walk.error == NULL && (!any || (walk.user != 0 && st->st_uid != walk.user)))
		(void)walk_fail(&walk,
			"not its owner alone has a say in where the path leads",
			EX_NOPERM);
	if (walk.dir >= 0)
		(void)close(walk.dir);
	*status = walk.status;
	return walk.error;
}
