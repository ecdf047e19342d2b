#include "mailstore/maildir.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <syslog.h>
#include <unistd.h>

#include "mailstore/maildir_name.h"
#include "mailstore/maildir_quota_file.h"
#include "mailstore/maildir_scan.h"

#define ROUNDS_MAX 3 /* times that a renamed message is followed */

/* An update in progress. */
struct update {
	struct maildir *m;
	const unsigned char *deleted;
	enum mail_status status; /* worst so far */
	size_t marked, removed, failed;
	size_t moved, unmoved;
	struct maildir_quota_debit quota;
};

static bool
is_marked(const struct update *u, size_t i)
{
	return (u->deleted[i / 8] & (1u << i % 8)) != 0;
}

/* Trouble that may pass outweighs trouble that will not: the client should try again. */
static void
worsen(struct update *u, enum mail_status status)
{
	if (u->status != MAIL_TEMP)
		u->status = status;
}

static void
message_failed(struct update *u, size_t i, int error)
{
	if (u->failed++ == 0)
		maildir_log_message(u->m, LOG_ERR, i, "remove", error);
	u->m->list.entries[i].flags |= MAILDIR_FAILED;
	worsen(u, maildir_errno_status(error));
}

static void
message_removed(struct update *u, size_t i)
{
	u->m->list.entries[i].flags |= MAILDIR_REMOVED;
	u->removed++;
}

/*
 * Whether the maildrop still is this session's.  Of a large one the removal takes long
 * enough for another host to think that it died.
 */
static bool
is_ours(struct update *u)
{
	if (session_lock_keep(&u->m->lock) != MAIL_BUSY)
		return true;
	u->status = MAIL_BUSY;
	return false;
}

/* Whether a second name leads to the file of this message. */
static bool
is_name_of(const struct update *u, const struct maildir_entry *entry,
	const struct maildir_entry *twin)
{
	const int *dirs = u->m->dirs;
	struct stat a, b;

	return fstatat(dirs[entry->sub], entry->name, &a, AT_SYMLINK_NOFOLLOW) == 0 &&
	       fstatat(dirs[twin->sub], twin->name, &b, AT_SYMLINK_NOFOLLOW) == 0 &&
	       a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

/*
 * Remove the second names of marked messages: a program that moves messages by link and
 * unlink and was killed in between leaves them, and the message would be back in the
 * next session.
 */
static void
remove_twins(struct update *u)
{
	const struct maildir_list *list = &u->m->list;

	for (size_t t = 0; t < list->twin_count; t++) {
		const struct maildir_entry *twin = &list->twins[t];
		const struct maildir_entry *entry = maildir_list_find(list, twin->name);

		for (; entry != NULL; entry = maildir_list_next(list, entry)) {
			const size_t i = (size_t)(entry - list->entries);

			if (!is_marked(u, i) || !is_name_of(u, entry, twin))
				continue;
			if (unlinkat(u->m->dirs[twin->sub], twin->name, 0) != 0 &&
				errno != ENOENT)
				message_failed(u, i, errno);
			break;
		}
	}
}

/* Remove what is left to remove by the names known; returns how many had none of them. */
static size_t
remove_marked(struct update *u)
{
	const struct maildir_list *list = &u->m->list;
	size_t missing = 0;

	for (size_t i = 0; i < list->count && is_ours(u); i++) {
		const struct maildir_entry *entry = &list->entries[i];

		if (!is_marked(u, i) ||
			(entry->flags & (MAILDIR_REMOVED | MAILDIR_FAILED)) != 0)
			continue;
		maildir_quota_removing(&u->quota, u->m->dirs[entry->sub], entry->name);
		if (unlinkat(u->m->dirs[entry->sub], entry->name, 0) == 0) {
			maildir_quota_removed(&u->quota);
			message_removed(u, i);
		} else if (errno == ENOENT || errno == ESTALE)
			missing++;
		else
			message_failed(u, i, errno);
	}
	return missing;
}

/* Those that a whole scan has not met are gone already, which is what was asked for. */
static void
accept_gone(struct update *u)
{
	for (size_t i = 0; i < u->m->list.count; i++) {
		const unsigned flags = u->m->list.entries[i].flags;

		if (is_marked(u, i) && (flags & MAILDIR_GONE) != 0 &&
			(flags & (MAILDIR_REMOVED | MAILDIR_FAILED)) == 0)
			message_removed(u, i);
	}
}

static void
remove_all(struct update *u)
{
	size_t missing;

	remove_twins(u);
	missing = remove_marked(u);
	for (int round = 0; missing > 0 && is_ours(u) && round < ROUNDS_MAX; round++) {
		const enum mail_status status =
			maildir_scan(&u->m->list, u->m->dirs, true, u->m->options);

		if (status != MAIL_OK) {
			worsen(u, status);
			return;
		}
		accept_gone(u);
		missing = remove_marked(u);
	}
	if (missing > 0)
		worsen(u, MAIL_TEMP);
}

/* rename that never replaces a message, whether the file system knows such or not. */
static int
rename_new(const int dirs[MAILDIR_SUBS], const char *from, const char *to)
{
	struct stat st;

	if (renameat2(dirs[MAILDIR_NEW], from, dirs[MAILDIR_CUR], to, RENAME_NOREPLACE) ==
		0)
		return 0;
	if (errno != EINVAL && errno != ENOSYS)
		return -1;
	if (fstatat(dirs[MAILDIR_CUR], to, &st, AT_SYMLINK_NOFOLLOW) == 0)
		errno = EEXIST;
	if (errno != ENOENT)
		return -1;
	return renameat(dirs[MAILDIR_NEW], from, dirs[MAILDIR_CUR], to);
}

/*
 * What a session has listed is new no more.  A message that cannot be moved is as safe
 * in new/, so that is no failure; one that is not there any more was moved by others.
 */
static void
move_kept(struct update *u)
{
	const struct maildir_list *list = &u->m->list;
	char to[MAILDIR_NAME_MAX + 1];

	for (size_t i = 0; i < list->count && is_ours(u); i++) {
		const struct maildir_entry *entry = &list->entries[i];

		if (entry->sub != MAILDIR_NEW || is_marked(u, i))
			continue;
		if (!maildir_name_for_cur(entry->name, to))
			errno = ENAMETOOLONG;
		else if (rename_new(u->m->dirs, entry->name, to) == 0) {
			u->moved++;
			continue;
		} else if (errno == ENOENT)
			continue;
		if (u->unmoved++ == 0)
			maildir_log_message(u->m, LOG_WARNING, i, "move to cur", errno);
	}
}

static void
sync_directories(struct update *u)
{
	for (int sub = 0; sub < MAILDIR_SUBS; sub++) {
		/* EINVAL: the file system has no such thing for directories. */
		if (fsync(u->m->dirs[sub]) == 0 || errno == EINVAL)
			continue;
		maildir_log(u->m, LOG_ERR, "fsync", errno);
		worsen(u, MAIL_TEMP);
	}
}

/* Whether new and cur are still directories that have a name. */
static enum mail_status
check_present(const struct maildir *m)
{
	for (int sub = 0; sub < MAILDIR_SUBS; sub++) {
		struct stat st;

		if (fstat(m->dirs[sub], &st) != 0) {
			const int error = errno;

			maildir_log(m, LOG_ERR, "stat", error);
			return error == ESTALE ? MAIL_CHANGED : MAIL_TEMP;
		}
		if (st.st_nlink == 0) {
			maildir_log(m, LOG_ERR, "removed during the session", ENOENT);
			return MAIL_CHANGED;
		}
	}
	return MAIL_OK;
}

enum mail_status
maildir_update(struct mailstore *store, const unsigned char *deleted, size_t *removed)
{
	struct maildir *m = (struct maildir *)store;
	struct update u = {
		.m = m, .deleted = deleted, .status = MAIL_OK, .quota = {.fd = -1}};
	enum mail_status status;

	*removed = 0;
	for (size_t i = 0; i < m->list.count; i++)
		u.marked += is_marked(&u, i);
	if (m->list.count == 0)
		return MAIL_OK;
	status = check_present(m);
	if (status == MAIL_OK)
		status = session_lock_check(&m->lock);
	if (status != MAIL_OK)
		return u.marked > 0 ? status : MAIL_OK;
	if (u.marked > 0)
		maildir_quota_begin(&u.quota, m);
	remove_all(&u);
	move_kept(&u);
	/* Also what another program removed has to be durable when the client hears +OK.
	 */
	if (u.marked > 0 || u.moved > 0)
		sync_directories(&u);
	maildir_quota_end(&u.quota, m);
	if (u.removed < u.marked)
		m->options->log(m->options->cookie, LOG_ERR,
			"Maildir %s: %zu of %zu messages could not be removed", m->path,
			u.marked - u.removed, u.marked);
	*removed = u.removed;
	return u.status;
}
