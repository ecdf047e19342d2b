#include "pop3d/ctl/check.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "mailstore/maildir_name.h"

static void
permissions_check(
	struct check *check, const char *sub, const char *name, const struct stat *st)
{
	if (st->st_uid != geteuid())
		CHECK_FIND(check, "foreign-owner", sub, name, "belongs to uid %lu",
			(unsigned long)st->st_uid);
	if ((st->st_mode & (S_IWGRP | S_IWOTH)) != 0)
		CHECK_FIND(check, "permissions", sub, name,
			"others may write to it (mode %04o)",
			(unsigned)(st->st_mode & 07777));
}

static void
message_check(struct check *check, const char *sub, const char *name)
{
	char to[MAILDIR_NAME_MAX + 1];

	/* Whoever lists it will want to move it to cur/. */
	if (strcmp(sub, "new") == 0 && !maildir_name_for_cur(name, to))
		CHECK_FIND(check, "name-too-long", sub, name,
			"a mail reader has no room for flags");
}

static void
entry_check(
	void *cookie, int dirfd, const char *sub, const char *name, const struct stat *st)
{
	struct check *check = cookie;
	const bool tmp = strcmp(sub, "tmp") == 0;

	(void)dirfd;
	if (name[0] == '.' && !tmp)
		return;
	if (!S_ISREG(st->st_mode)) {
		CHECK_FIND(check, "not-a-file", sub, name, "%s", check_kind(st->st_mode));
		return;
	}
	permissions_check(check, sub, name, st);
	if (!tmp)
		message_check(check, sub, name);
	else if (check_tmp_is_old(st))
		CHECK_FIND(check, "old-tmp", sub, name, "no delivery takes so long");
}

static void
directory_check(struct check *check, const char *sub)
{
	char path[sizeof(check->m.location.path) + 8];
	struct stat st;

	(void)snprintf(path, sizeof(path), "%s/%s", check->m.location.path, sub);
	if (lstat(path, &st) != 0) {
		CHECK_FIND(check, errno == ENOENT ? "no-directory" : "unreadable", "",
			sub, "%s", strerror(errno));
		return;
	}
	if (!S_ISDIR(st.st_mode)) {
		CHECK_FIND(check, "not-a-directory", "", sub, "%s",
			S_ISREG(st.st_mode) ? "a file" : check_kind(st.st_mode));
		return;
	}
	permissions_check(check, "", sub, &st);
	if (!check_directory(&check->m, sub, entry_check, check))
		CHECK_FIND(check, "unreadable", "", sub, "%s", strerror(errno));
}

void
check_maildir(struct check *check)
{
	struct stat st;

	if (lstat(check->m.location.path, &st) == 0)
		permissions_check(check, "", ".", &st);
	directory_check(check, "new");
	directory_check(check, "cur");
	directory_check(check, "tmp");
}
