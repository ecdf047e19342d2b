#include "pop3d/ctl/mailbox_repair.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "pop3d/ctl/check.h"

struct repair {
	struct mailbox m;
	bool create; /* missing directories of a Maildir */
	bool failed;
};

static void
file_remove(struct repair *repair, int dirfd, const char *sub, const char *name)
{
	if (unlinkat(dirfd, name, 0) == 0)
		check_say("removed", sub, name, "%s", "");
	else if (errno != ENOENT) {
		check_say("not-removed", sub, name, "%s", strerror(errno));
		repair->failed = true;
	}
}

/* What is not ours is of somebody who wants us to remove it. */
static bool
trace_remove(void *cookie, enum mail_trace trace, int dirfd, const char *name)
{
	struct stat st;

	if ((trace == MAIL_TRACE_INDEX || trace == MAIL_TRACE_TEMPORARY) &&
		fstatat(dirfd, name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
		S_ISREG(st.st_mode) && st.st_uid == geteuid())
		file_remove(cookie, dirfd, "", name);
	return true;
}

static void
tmp_remove(
	void *cookie, int dirfd, const char *sub, const char *name, const struct stat *st)
{
	if (check_tmp_is_old(st))
		file_remove(cookie, dirfd, sub, name);
}

static int
directories_make(struct repair *repair)
{
	static const char *const subs[] = {"new", "cur", "tmp"};
	const int dir = open(
		repair->m.location.path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	if (dir < 0) {
		ctl_error("%s: %s", repair->m.location.path, strerror(errno));
		return EX_NOPERM;
	}
	for (size_t i = 0; i < sizeof(subs) / sizeof(subs[0]); i++) {
		if (mkdirat(dir, subs[i], 0700) == 0)
			check_say("made", "", subs[i], "%s", "");
		else if (errno != EEXIST) {
			check_say("not-made", "", subs[i], "%s", strerror(errno));
			repair->failed = true;
		}
	}
	if (fsync(dir) != 0)
		repair->failed = true;
	(void)close(dir);
	return 0;
}

static int
maildrop_repair(struct repair *repair)
{
	const bool maildir = repair->m.location.ops == &mailstore_maildir;
	enum mail_status status;
	int made = 0;

	if (maildir && repair->create)
		made = directories_make(repair);
	if (made != 0)
		return made;
	status = mailbox_lock(&repair->m);
	if (status != MAIL_OK)
		return mailbox_status(&repair->m, status);
	if (!mail_traces(repair->m.store, trace_remove, repair)) {
		ctl_error("%s: %s", repair->m.location.path, strerror(errno));
		return EX_TEMPFAIL;
	}
	if (maildir && !check_directory(&repair->m, "tmp", tmp_remove, repair))
		check_say("unreadable", "", "tmp", "%s", strerror(errno));
	/* Of an mbox this finishes an update, and says so. */
	status = mailbox_load(&repair->m);
	if (status != MAIL_OK)
		return mailbox_status(&repair->m, status);
	return repair->failed ? CTL_NO : 0;
}

int
mailbox_repair(const struct ctl_context *context, int argc, char **argv)
{
	static const struct option words[] = {
		{"create", no_argument, NULL, 'c'},
		{NULL, 0, NULL, 0},
	};
	static struct repair repair;
	int option, status;

	while ((option = getopt_long(argc, argv, "", words, NULL)) != -1) {
		if (option != 'c')
			return CTL_USAGE;
		repair.create = true;
	}
	if (argc - optind != 1)
		return CTL_USAGE;
	status = mailbox_find(&repair.m, context, argv[optind]);
	if (status == 0)
		status = maildrop_repair(&repair);
	mailbox_close(&repair.m);
	return status;
}
