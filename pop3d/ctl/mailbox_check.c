#include "pop3d/ctl/mailbox_check.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "mailstore/octets.h"
#include "pop3d/ctl/check.h"

#define CHUNK ((size_t)64 * 1024)

/* A file that says who has taken a lock, with its age. */
static void
lock_find(struct check *check, const char *word, int dirfd, const char *name)
{
	char holder[256] = "";
	struct stat st;

	if (fstatat(dirfd, name, &st, AT_SYMLINK_NOFOLLOW) != 0)
		return;
	check_holder(dirfd, name, holder, sizeof(holder));
	CHECK_FIND(check, word, "", name, "held by %s, for %lld seconds",
		holder[0] != '\0' ? holder : "somebody who does not say",
		(long long)(time(NULL) - st.st_mtime));
}

static bool
trace_check(void *cookie, enum mail_trace trace, int dirfd, const char *name)
{
	struct check *check = cookie;
	struct stat st;

	if (fstatat(dirfd, name, &st, AT_SYMLINK_NOFOLLOW) != 0)
		return true;
	if (trace != MAIL_TRACE_DOTLOCK &&
		(!S_ISREG(st.st_mode) || st.st_uid != geteuid())) {
		CHECK_FIND(check, "foreign-file", "", name,
			"it has the name of a file of pop3d and is none");
		return true;
	}
	switch (trace) {
	case MAIL_TRACE_LOCK:
	case MAIL_TRACE_LOGIN:
	case MAIL_TRACE_INDEX:
	case MAIL_TRACE_IDS:
		break;
	case MAIL_TRACE_TEMPORARY:
		CHECK_FIND(check, "leftover", "", name, "of a session that was killed");
		break;
	case MAIL_TRACE_JOURNAL:
		CHECK_FIND(check, "journal", "", name,
			"an update was cut short; no message is looked at before that is "
			"finished");
		check->unfinished = true;
		break;
	case MAIL_TRACE_SAVED:
		CHECK_FIND(check, "journal-saved", "", name,
			"what was to stay when another program changed the mbox");
		break;
	case MAIL_TRACE_DOTLOCK:
		lock_find(check, "dotlock", dirfd, name);
		break;
	}
	return true;
}

/* A lock of the kernel that a mail program holds on an mbox. */
static void
fcntl_check(struct check *check)
{
	struct flock whole = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
	const int fd = open(check->m.location.path,
		O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);

	if (fd < 0)
		return;
	if (fcntl(fd, F_GETLK, &whole) == 0 && whole.l_type != F_UNLCK)
		CHECK_FIND(check, "fcntl-lock", "", "", "held by process %ld",
			(long)whole.l_pid);
	(void)close(fd);
}

static void
mbox_check(struct check *check)
{
	struct stat st;

	if (lstat(check->m.location.path, &st) == 0 && (st.st_mode & S_IWOTH) != 0)
		CHECK_FIND(check, "permissions", "", "",
			"everybody may write to it (mode %04o)",
			(unsigned)(st.st_mode & 07777));
	fcntl_check(check);
}

static void
uid_check(struct check *check, size_t i, const char *uid)
{
	const size_t n = strlen(uid);
	bool good = n >= 1 && n <= MAIL_UID_MAX;

	for (size_t k = 0; k < n && good; k++)
		good = uid[k] >= 0x21 && uid[k] <= 0x7E;
	if (!good)
		CHECK_FIND(check, "bad-uid", "", "", "message %zu", i + 1);
}

static int
uid_compare(const void *a, const void *b)
{
	return strcmp(a, b);
}

static enum mail_status
uids_check(struct check *check)
{
	const struct mailbox *m = &check->m;
	char(*uids)[MAIL_UID_MAX + 1] =
		calloc(m->count > 0 ? m->count : 1, sizeof(*uids));
	enum mail_status status = uids == NULL ? MAIL_TEMP : MAIL_OK;

	for (size_t i = 0; i < m->count && status == MAIL_OK; i++) {
		status = m->location.ops->uid(m->store, i, uids[i]);
		if (status == MAIL_OK)
			uid_check(check, i, uids[i]);
	}
	if (status == MAIL_OK)
		qsort(uids, m->count, sizeof(*uids), uid_compare);
	for (size_t i = 1; i < m->count && status == MAIL_OK; i++)
		if (strcmp(uids[i], uids[i - 1]) == 0)
			CHECK_FIND(check, "same-uid", "", "",
				"two messages have the unique-id %s", uids[i]);
	free(uids);
	return status;
}

/* The octets of a message as they are read. */
static enum mail_status
message_count(const struct mailbox *m, size_t i, uint64_t *octets)
{
	static unsigned char chunk[CHUNK];
	struct mail_message *message;
	struct octets count = {0};
	enum mail_status status = m->location.ops->message_open(m->store, i, &message);
	size_t n = 1;

	if (status != MAIL_OK)
		return status;
	while (n > 0 && status == MAIL_OK) {
		status = m->location.ops->message_read(message, chunk, sizeof(chunk), &n);
		if (status == MAIL_OK)
			octets_add(&count, chunk, n);
	}
	m->location.ops->message_close(message);
	*octets = octets_total(&count);
	return status;
}

static void
message_check(struct check *check, size_t i)
{
	const struct mailbox *m = &check->m;
	uint64_t told = 0, octets = 0;
	enum mail_status status = m->location.ops->octets(m->store, i, &told);

	if (status == MAIL_OK)
		status = message_count(m, i, &octets);
	/* A mail reader has moved or removed it just now. */
	if (status == MAIL_GONE)
		return;
	if (status == MAIL_CHANGED)
		CHECK_FIND(check, "changed", "", "",
			"message %zu is not what it was when it was listed", i + 1);
	else if (status != MAIL_OK)
		CHECK_FIND(check, "unreadable", "", "", "message %zu", i + 1);
	else if (told != octets)
		CHECK_FIND(check, "size", "", "",
			"message %zu has %" PRIu64 " octets, and %" PRIu64 " are told",
			i + 1, octets, told);
}

static void
limits_check(struct check *check, uint64_t count)
{
	const uint64_t limit = check->m.config->limits.messages;

	if (count > limit)
		CHECK_FIND(check, "over-limit", "", "",
			"%" PRIu64 " messages; limits.messages is %" PRIu64, count,
			limit);
}

/* The driver refuses it, and has logged why; or what was found above is the reason. */
static int
unusable_say(struct check *check, enum mail_status status)
{
	if (status != MAIL_PERM && (status != MAIL_TEMP || check->findings == 0))
		return mailbox_status(&check->m, status);
	CHECK_FIND(check, "unusable", "", "", "no session can be opened");
	return CTL_NO;
}

static int
messages_check(struct check *check)
{
	enum mail_status status = mailbox_load(&check->m);

	if (status == MAIL_OK)
		status = uids_check(check);
	if (status != MAIL_OK)
		return unusable_say(check, status);
	limits_check(check, check->m.count);
	for (size_t i = 0; i < check->m.count; i++) {
		mailbox_keep(&check->m);
		message_check(check, i);
	}
	return 0;
}

/* Who has the maildrop, as the text of the lock says. */
static int
busy_say(const struct mailbox *m)
{
	char path[sizeof(m->location.path) + 32], holder[256] = "";
	const char *slash = strrchr(m->location.path, '/');

	if (m->location.ops == &mailstore_maildir)
		(void)snprintf(path, sizeof(path), "%s/.pop3d-lock", m->location.path);
	else
		(void)snprintf(path, sizeof(path), "%.*s/.%s.pop3d-lock",
			(int)(slash - m->location.path), m->location.path, slash + 1);
	check_holder(AT_FDCWD, path, holder, sizeof(holder));
	if (holder[0] != '\0')
		check_say("session-lock", "", "", "held by %s", holder);
	return mailbox_status(m, MAIL_BUSY);
}

static int
maildrop_check(struct check *check)
{
	enum mail_status status;

	if (check->m.location.ops == &mailstore_maildir)
		check_maildir(check);
	else
		mbox_check(check);
	status = mailbox_lock(&check->m);
	if (status == MAIL_BUSY)
		return busy_say(&check->m);
	if (status != MAIL_OK)
		return unusable_say(check, status);
	if (!mail_traces(check->m.store, trace_check, check))
		CHECK_FIND(check, "unreadable", "", "", "the directory: %s",
			strerror(errno));
	return check->unfinished ? 0 : messages_check(check);
}

int
mailbox_check(const struct ctl_context *context, int argc, char **argv)
{
	static struct check check;
	int status;

	if (getopt(argc, argv, "") != -1 || argc - optind != 1)
		return CTL_USAGE;
	status = mailbox_find(&check.m, context, argv[optind]);
	if (status == 0) {
		status = maildrop_check(&check);
		if (status == 0 && check.findings > 0)
			status = CTL_NO;
	}
	mailbox_close(&check.m);
	return status;
}
