#include "pop3d/privileges.h"

#include <dirent.h>
#include <errno.h>
#include <grp.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

bool
privileges_are_root(void)
{
	return geteuid() == 0;
}

static bool
uids_are(uid_t uid)
{
	uid_t r, e, s;

	return getresuid(&r, &e, &s) == 0 && r == uid && e == uid && s == uid;
}

static bool
gids_are(gid_t gid)
{
	gid_t r, e, s;

	return getresgid(&r, &e, &s) == 0 && r == gid && e == gid && s == gid;
}

static bool
groups_are(gid_t extra)
{
	gid_t groups[2];
	int n = getgroups(2, groups);

	return extra == (gid_t)-1 ? n == 0 : n == 1 && groups[0] == extra;
}

/* Each of these would succeed for a process that kept anything of root. */
static bool
can_go_back(void)
{
	return setuid(0) == 0 || seteuid(0) == 0 || setgid(0) == 0 || setegid(0) == 0 ||
	       setgroups(0, NULL) == 0;
}

const char *
privileges_become(uid_t uid, gid_t gid, gid_t extra)
{
	if (uid == 0 || gid == 0)
		return "uid 0 and gid 0 are refused";
	if (uid == (uid_t)-1 || gid == (gid_t)-1)
		return "no uid or gid";
	if (!privileges_are_root())
		return uids_are(uid)
			       ? NULL
			       : "without root only the process's own uid can be served";
	if (setgroups(extra != (gid_t)-1 ? 1 : 0, &extra) != 0)
		return "setgroups failed";
	if (setresgid(gid, gid, gid) != 0)
		return "setresgid failed";
	if (setresuid(uid, uid, uid) != 0)
		return "setresuid failed";
	if (!uids_are(uid) || !gids_are(gid) || !groups_are(extra))
		return "ids are not what they were set to";
	if (can_go_back())
		return "privileges could be regained";
	return NULL;
}

const char *
privileges_check_empty(const char *path)
{
	const char *wrong = NULL;
	struct stat st;
	struct dirent *entry;
	DIR *dir = opendir(path);

	if (dir == NULL)
		return "cannot be opened";
	if (fstat(dirfd(dir), &st) != 0)
		wrong = "cannot be looked at";
	else if (st.st_uid != 0 || (st.st_mode & 022) != 0)
		wrong = "must be owned by root and writable by nobody else";
	while (wrong == NULL && (entry = readdir(dir)) != NULL)
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
			wrong = "must be empty";
	(void)closedir(dir);
	return wrong;
}

const char *
privileges_enter_empty(const char *path)
{
	struct stat st;

	if (chdir(path) != 0)
		return "cannot be entered";
	/* What stands inside is looked at once, at start; who may put things there,
	 * always. */
	if (stat(".", &st) != 0 || st.st_uid != 0 || (st.st_mode & 022) != 0)
		return "must be owned by root and writable by nobody else";
	if (chroot(".") != 0 || chdir("/") != 0)
		return "cannot be made the root directory";
	return NULL;
}
