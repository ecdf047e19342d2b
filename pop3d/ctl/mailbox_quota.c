#include "pop3d/ctl/mailbox_quota.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "mailstore/maildir_quota_count.h"
#include "mailstore/maildir_quota_file.h"
#include "pop3d/ctl/mailbox.h"

struct quota {
	struct mailbox m;
	bool recalculate;
	const char *set;                  /* a definition; NULL: keep that of the file */
	int root;                         /* of the Maildir++ */
	bool exists;                      /* maildirsize does */
	struct maildir_quota limits;      /* and what maildirsize says */
	struct maildir_quota_usage usage; /* what the files say */
};

static int
fail(const struct quota *quota, const char *what, const char *wrong)
{
	ctl_error("%s: %s: %s", quota->m.location.path, what, wrong);
	return EX_NOPERM;
}

static int
root_open(struct quota *quota)
{
	const int flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
	const int dir = open(quota->m.location.path, flags);
	int cur, error;
	bool trash;

	if (dir < 0)
		return fail(quota, "open", strerror(errno));
	cur = openat(dir, "cur", flags);
	error = errno;
	(void)close(dir);
	if (cur < 0)
		return fail(quota, "cur", strerror(error));
	quota->root = maildir_quota_root(cur, &trash);
	error = errno;
	(void)close(cur);
	return quota->root < 0
		       ? fail(quota, "the Maildir of this folder", strerror(error))
		       : 0;
}

static int
file_read(struct quota *quota)
{
	const char *wrong;
	struct stat st;
	const int fd = maildir_quota_open(quota->root, O_RDONLY, &st, &wrong);

	if (fd < 0)
		return wrong == NULL ? 0 : fail(quota, "maildirsize", wrong);
	quota->exists = maildir_quota_read(fd, &quota->limits, &wrong);
	(void)close(fd);
	/* What defines no quota may be replaced by what does. */
	if (quota->exists || quota->set != NULL)
		return 0;
	(void)fail(quota, "maildirsize", wrong);
	return EX_DATAERR;
}

static int
file_write(struct quota *quota)
{
	enum mail_status status;

	if (quota->set != NULL)
		(void)maildir_quota_define(
			&quota->limits, quota->set, strlen(quota->set));
	else if (!quota->exists) {
		ctl_error("%s: there is no maildirsize; --set makes one",
			quota->m.location.path);
		return EX_NOINPUT;
	}
	status = maildir_quota_recalculate(
		quota->root, quota->limits.definition, &quota->m.options, &quota->usage);
	if (status != MAIL_OK)
		return mailbox_status(&quota->m, status);
	quota->exists = true;
	quota->limits.damaged = false;
	quota->limits.bytes = quota->usage.bytes;
	quota->limits.messages = quota->usage.messages;
	return 0;
}

static void
usage_print(const char *what, int64_t used, int64_t max)
{
	(void)printf("%-9s%" PRId64, what, used);
	if (max > 0)
		(void)printf(" of %" PRId64 ", %.1f %%", max,
			100.0 * (double)used / (double)max);
	(void)putchar('\n');
}

static int
report(const struct quota *quota)
{
	const struct maildir_quota *limits = &quota->limits;
	const bool agrees = !limits->damaged && limits->bytes == quota->usage.bytes &&
			    limits->messages == quota->usage.messages;

	usage_print("bytes", quota->usage.bytes, limits->max_bytes);
	usage_print("messages", quota->usage.messages, limits->max_messages);
	if (!quota->exists)
		(void)puts("there is no maildirsize, and so no quota");
	else if (agrees)
		(void)puts("maildirsize agrees");
	else if (limits->damaged)
		(void)puts("maildirsize is damaged or too long: it must be recalculated");
	else
		(void)printf("maildirsize differs: %" PRId64 " bytes, %" PRId64
			     " messages\n",
			limits->bytes, limits->messages);
	return quota->exists && !agrees ? CTL_NO : 0;
}

static int
run(struct quota *quota, const struct ctl_context *context, const char *target)
{
	enum mail_status counted;
	int status = mailbox_find(&quota->m, context, target);

	if (status != 0)
		return status;
	if (quota->m.location.ops != &mailstore_maildir)
		return fail(quota, "quota", "only a Maildir has one");
	status = root_open(quota);
	if (status == 0)
		status = file_read(quota);
	if (status != 0)
		return status;
	if (quota->recalculate)
		status = file_write(quota);
	else {
		counted = maildir_quota_count(
			quota->root, &quota->m.options, &quota->usage);
		if (counted != MAIL_OK)
			status = mailbox_status(&quota->m, counted);
	}
	return status == 0 ? report(quota) : status;
}

static bool
definition_check(const char *text)
{
	struct maildir_quota q = {.lines = 0};

	if (maildir_quota_define(&q, text, strlen(text)) &&
		(q.max_bytes > 0 || q.max_messages > 0))
		return true;
	ctl_error("a quota is a number of bytes, of messages, or both: "
		  "10000000S,1000C");
	return false;
}

int
mailbox_quota(const struct ctl_context *context, int argc, char **argv)
{
	static const struct option options[] = {
		{"recalculate", no_argument, NULL, 'r'},
		{"set", required_argument, NULL, 's'},
		{NULL, 0, NULL, 0},
	};
	static struct quota quota;
	int option, status;

	quota.root = -1;
	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (option != 'r' && option != 's')
			return CTL_USAGE;
		quota.recalculate = true;
		if (option == 's')
			quota.set = optarg;
	}
	if (argc - optind != 1)
		return CTL_USAGE;
	if (quota.set != NULL && !definition_check(quota.set))
		return EX_USAGE;
	status = run(&quota, context, argv[optind]);
	if (quota.root >= 0)
		(void)close(quota.root);
	mailbox_close(&quota.m);
	return status;
}
