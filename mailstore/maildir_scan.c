#include "mailstore/maildir_scan.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

#include "mailstore/index.h"
#include "mailstore/maildir_name.h"
#include "mailstore/maildir_twins.h"

/* Rounds while directories change; more than the first number only if one had news. */
#define ROUNDS_ENOUGH 3
#define ROUNDS_MAX 10

static const char *const sub_names[MAILDIR_SUBS] = {"new", "cur"};

struct scan {
	struct maildir_list *list;
	const int *dirs;
	const struct mail_options *options;
	bool frozen;
	bool first;  /* the round in which nothing can be found yet */
	size_t odd;  /* entries that are no regular files */
	size_t news; /* messages that no round before this one has met */
};

static enum mail_status
scan_fail(const struct scan *scan, enum maildir_sub sub, const char *what)
{
	scan->options->log(scan->options->cookie, LOG_ERR, "Maildir: %s %s: %s", what,
		sub_names[sub], strerror(errno));
	return MAIL_TEMP;
}

static enum mail_status
read_stats(const struct scan *scan, struct stat dirs[MAILDIR_SUBS])
{
	for (int sub = 0; sub < MAILDIR_SUBS; sub++)
		if (fstat(scan->dirs[sub], &dirs[sub]) != 0)
			return scan_fail(scan, (enum maildir_sub)sub, "stat");
	return MAIL_OK;
}

static bool
times_equal(const struct timespec *a, const struct timespec *b)
{
	return a->tv_sec == b->tv_sec && a->tv_nsec == b->tv_nsec;
}

static bool
stats_equal(const struct stat a[MAILDIR_SUBS], const struct stat b[MAILDIR_SUBS])
{
	for (int sub = 0; sub < MAILDIR_SUBS; sub++)
		if (!times_equal(&a[sub].st_mtim, &b[sub].st_mtim) ||
			!times_equal(&a[sub].st_ctim, &b[sub].st_ctim))
			return false;
	return true;
}

static bool
stats_are_fresh(const struct stat dirs[MAILDIR_SUBS])
{
	for (int sub = 0; sub < MAILDIR_SUBS; sub++)
		if (index_stamp_is_fresh(&dirs[sub].st_mtim) ||
			index_stamp_is_fresh(&dirs[sub].st_ctim))
			return true;
	return false;
}

/*
 * The type of an entry, which not every file system tells in the directory; DT_UNKNOWN if
 * it is gone.  What cannot be asked for might be a message.
 */
static enum mail_status
entry_type(
	const struct scan *scan, const struct dirent *d, enum maildir_sub sub, int *type)
{
	struct stat st;

	*type = d->d_type;
	if (*type != DT_UNKNOWN)
		return MAIL_OK;
	if (fstatat(scan->dirs[sub], d->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0)
		*type = IFTODT(st.st_mode);
	else if (errno != ENOENT)
		return scan_fail(scan, sub, "stat");
	return MAIL_OK;
}

static enum mail_status
take_name(struct scan *scan, const char *name, enum maildir_sub sub)
{
	struct maildir_entry *entry =
		scan->first ? NULL : maildir_list_find(scan->list, name);
	bool done = true;

	if (entry != NULL) {
		const enum mail_status status = maildir_twins_choose(
			scan->list, scan->dirs, name, sub, scan->options, &entry);

		if (status != MAIL_OK || entry == NULL)
			return status;
		scan->news += (entry->flags & MAILDIR_SEEN) == 0;
		entry->flags |= MAILDIR_SEEN;
		/* The name it had may be that of another message. */
		if (!scan->frozen &&
			(entry->sub != sub || strcmp(entry->name, name) != 0))
			done = maildir_list_add_twin(scan->list, entry);
		done = done && maildir_list_rename(scan->list, entry, name, sub);
	} else if (scan->frozen)
		return MAIL_OK;
	/* Each message may be met under two names before it is known for one. */
	else if (scan->list->count / 2 > scan->options->max_messages)
		return MAIL_LIMIT;
	else {
		scan->news++;
		done = maildir_list_add(scan->list, name, sub);
	}
	return done ? MAIL_OK : scan_fail(scan, sub, "list");
}

static enum mail_status
read_directory(struct scan *scan, DIR *stream, enum maildir_sub sub)
{
	for (;;) {
		enum mail_status status;
		const struct dirent *d;
		int type;

		errno = 0;
		d = readdir(stream);
		if (d == NULL)
			return errno == 0 ? MAIL_OK : scan_fail(scan, sub, "read");
		if (d->d_name[0] == '.')
			continue;
		status = entry_type(scan, d, sub, &type);
		/* FUSE lists longer names, under which nothing can be opened. */
		if (status == MAIL_OK && type == DT_REG &&
			strlen(d->d_name) <= MAILDIR_NAME_MAX)
			status = take_name(scan, d->d_name, sub);
		else
			scan->odd += type != DT_UNKNOWN;
		if (status != MAIL_OK)
			return status;
	}
}

static enum mail_status
scan_directory(struct scan *scan, enum maildir_sub sub)
{
	enum mail_status status;
	DIR *stream;
	/* A descriptor of its own, so that reading begins at the start each time. */
	const int fd = openat(scan->dirs[sub], ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0) {
		/* A directory that was removed has no messages. */
		return errno == ENOENT ? MAIL_OK : scan_fail(scan, sub, "open");
	}
	stream = fdopendir(fd);
	if (stream == NULL) {
		status = scan_fail(scan, sub, "open");
		(void)close(fd);
		return status;
	}
	status = read_directory(scan, stream, sub);
	(void)closedir(stream);
	return status;
}

/* new before cur: a message that moves meanwhile is met in one of them or in both. */
static enum mail_status
scan_round(struct scan *scan)
{
	enum mail_status status = MAIL_OK;

	scan->odd = scan->news = 0;
	for (int sub = 0; sub < MAILDIR_SUBS && status == MAIL_OK; sub++)
		status = scan_directory(scan, (enum maildir_sub)sub);
	if (status == MAIL_OK && !scan->frozen && !maildir_list_sort(scan->list))
		status = scan_fail(scan, MAILDIR_NEW, "sort");
	scan->first = false;
	return status;
}

static enum mail_status
scan_rounds(struct scan *scan)
{
	struct maildir_view *view = &scan->list->view;
	struct stat before[MAILDIR_SUBS];
	enum mail_status status = read_stats(scan, before);

	view->settled = false;
	for (int round = 0; status == MAIL_OK && round < ROUNDS_MAX; round++) {
		const bool fresh = stats_are_fresh(before);

		status = scan_round(scan);
		if (status == MAIL_OK)
			status = read_stats(scan, view->dirs);
		if (status == MAIL_OK && !fresh && stats_equal(before, view->dirs)) {
			view->settled = !scan->frozen;
			break;
		}
		if (round + 1 >= ROUNDS_ENOUGH && scan->news == 0)
			break;
		memcpy(before, view->dirs, sizeof(before));
	}
	/* What no round of several has met is gone. */
	return status;
}

static void
mark_gone(struct maildir_list *list)
{
	for (size_t i = 0; i < list->count; i++) {
		struct maildir_entry *entry = &list->entries[i];

		if ((entry->flags & MAILDIR_SEEN) == 0)
			entry->flags |= MAILDIR_GONE;
		else
			entry->flags &= (uint16_t)~MAILDIR_GONE;
	}
}

enum mail_status
maildir_scan(struct maildir_list *list, const int dirs[MAILDIR_SUBS], bool frozen,
	const struct mail_options *options)
{
	struct scan scan = {
		.list = list,
		.dirs = dirs,
		.options = options,
		.frozen = frozen,
		.first = !frozen,
	};
	enum mail_status status;

	/* One that failed may have left something. */
	if (!frozen)
		maildir_list_free(list);
	for (size_t i = 0; i < list->count; i++)
		list->entries[i].flags &= (uint16_t)~MAILDIR_SEEN;
	status = scan_rounds(&scan);
	if (status == MAIL_OK && !frozen)
		status = maildir_twins_settle(list, dirs, options);
	if (status == MAIL_OK && list->count > options->max_messages)
		status = MAIL_LIMIT;
	if (status == MAIL_LIMIT)
		options->log(options->cookie, LOG_ERR, "Maildir: more than %zu messages",
			options->max_messages);
	if (status != MAIL_OK)
		return status;
	if (frozen)
		mark_gone(list);
	else if (scan.odd > 0)
		options->log(options->cookie, LOG_NOTICE,
			"Maildir: %zu entries that are not regular files are left out",
			scan.odd);
	return MAIL_OK;
}
