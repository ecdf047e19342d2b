#include "mailstore/maildir_twins.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <syslog.h>

struct settling {
	struct maildir_list *list;
	const int *dirs;
	const struct mail_options *options;
};

static enum mail_status
fail(const struct mail_options *options, const char *what, int error)
{
	options->log(options->cookie, LOG_ERR, "Maildir: %s files with one base name: %s",
		what, strerror(error));
	return MAIL_TEMP;
}

/* A file that is gone has the inode number 0. */
static enum mail_status
stat_entry(const struct settling *s, const struct maildir_entry *entry, struct stat *st)
{
	if (fstatat(s->dirs[entry->sub], entry->name, st, AT_SYMLINK_NOFOLLOW) == 0)
		return MAIL_OK;
	if (errno != ENOENT && errno != ESTALE)
		return fail(s->options, "stat", errno);
	*st = (struct stat){.st_ino = 0};
	return MAIL_OK;
}

static bool
same_name(const struct maildir_entry *a, const struct maildir_entry *b)
{
	return a->sub == b->sub && strcmp(a->name, b->name) == 0;
}

/* The index of the rival that is this file, among those added since sorting; else count.
 */
static size_t
find_added(const struct maildir_list *list, const struct stat *st)
{
	size_t i = list->sorted;

	while (i < list->count) {
		const struct maildir_rival *rival =
			&list->rivals[list->entries[i].serial];

		if (rival->dev == st->st_dev && rival->ino == st->st_ino)
			break;
		i++;
	}
	return i;
}

/* Two files: list the twin as a message of its own. */
static bool
add_rival(struct maildir_list *list, size_t entry, const struct stat *entry_st,
	const struct maildir_entry *twin, const struct stat *twin_st)
{
	const size_t known = find_added(list, twin_st);

	if (known < list->count)
		return same_name(&list->entries[known], twin) ||
		       maildir_list_add_twin(list, twin);
	return maildir_list_mark_rival(list, entry, entry_st->st_dev, entry_st->st_ino) &&
	       maildir_list_add(list, twin->name, (enum maildir_sub)twin->sub) &&
	       maildir_list_mark_rival(
		       list, list->count - 1, twin_st->st_dev, twin_st->st_ino);
}

static enum mail_status
settle_one(const struct settling *s, const struct maildir_entry *twin)
{
	struct maildir_entry *entry = maildir_list_find(s->list, twin->name);
	struct stat entry_st, twin_st;
	enum mail_status status;
	bool done = true;

	if (entry == NULL || same_name(entry, twin))
		return MAIL_OK;
	status = stat_entry(s, twin, &twin_st);
	if (status == MAIL_OK)
		status = stat_entry(s, entry, &entry_st);
	if (status != MAIL_OK || twin_st.st_ino == 0)
		return status;
	if (entry_st.st_ino == 0 && (entry->flags & MAILDIR_RIVAL) == 0)
		done = maildir_list_rename(
			s->list, entry, twin->name, (enum maildir_sub)twin->sub);
	else if (entry_st.st_dev == twin_st.st_dev && entry_st.st_ino == twin_st.st_ino)
		done = maildir_list_add_twin(s->list, twin);
	else
		done = add_rival(s->list, (size_t)(entry - s->list->entries), &entry_st,
			twin, &twin_st);
	return done ? MAIL_OK : fail(s->options, "list", ENOMEM);
}

enum mail_status
maildir_twins_settle(struct maildir_list *list, const int dirs[MAILDIR_SUBS],
	const struct mail_options *options)
{
	const struct settling s = {.list = list, .dirs = dirs, .options = options};
	struct maildir_entry *twins = list->twins;
	const size_t n = list->twin_count;
	enum mail_status status = MAIL_OK;

	list->twins = NULL;
	list->twin_count = 0;
	for (size_t t = 0; t < n && status == MAIL_OK; t++)
		status = settle_one(&s, &twins[t]);
	free(twins);
	if (status == MAIL_OK && list->count > list->sorted) {
		options->log(options->cookie, LOG_NOTICE,
			"Maildir: %zu messages have the base name of another one",
			list->count - list->sorted);
		if (!maildir_list_sort(list))
			status = fail(options, "sort", ENOMEM);
	}
	return status;
}

enum mail_status
maildir_twins_choose(const struct maildir_list *list, const int dirs[MAILDIR_SUBS],
	const char *name, enum maildir_sub sub, const struct mail_options *options,
	struct maildir_entry **entry)
{
	const struct maildir_rival *rival;
	struct stat st;

	if ((*entry)->flags & MAILDIR_RIVAL) {
		if (fstatat(dirs[sub], name, &st, AT_SYMLINK_NOFOLLOW) != 0) {
			*entry = NULL;
			return errno == ENOENT || errno == ESTALE
				       ? MAIL_OK
				       : fail(options, "stat", errno);
		}
		for (; *entry != NULL; *entry = maildir_list_next(list, *entry)) {
			rival = &list->rivals[(*entry)->serial];
			if (rival->dev == st.st_dev && rival->ino == st.st_ino)
				break;
		}
	}
	return MAIL_OK;
}
