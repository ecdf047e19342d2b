#include "mailstore/maildir.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <syslog.h>
#include <unistd.h>

#include "mailstore/login_stamp.h"
#include "mailstore/needs.h"

/* Dot files: no program takes them for messages or folders of Maildir++. */
#define LOCK_NAME ".pop3d-lock"
#define LOGIN_NAME ".pop3d-login"

/* From here on the log tells how many messages were read for their sizes. */
#define COUNTED_MANY 1000u

void
maildir_log(const struct maildir *m, int priority, const char *what, int error)
{
	m->options->log(m->options->cookie, priority, "Maildir %s: %s: %s", m->path, what,
		strerror(error));
}

enum mail_status
maildir_errno_status(int error)
{
	switch (error) {
	case EACCES:
	case EPERM:
	case ELOOP:
	case ENOTDIR:
	case EISDIR:
	case ENAMETOOLONG:
		return MAIL_PERM;
	default:
		return MAIL_TEMP;
	}
}

static enum mail_status
open_fail(const struct maildir *m, const char *what, int error)
{
	maildir_log(m, LOG_ERR, what, error);
	return maildir_errno_status(error);
}

/*
 * There is no such Maildir.  Where mail arrives for the first time later that is an
 * empty one; where not even the parent is there, a file system is not mounted, and a
 * client that is told of an empty maildrop would forget all it knew.
 */
static enum mail_status
check_parent(const struct maildir *m, int dirfd)
{
	enum mail_status status = MAIL_OK;
	const char *slash = strrchr(m->path, '/');
	struct stat st;
	char *parent;

	if (slash == NULL)
		parent = strdup(".");
	else
		parent = strndup(
			m->path, slash == m->path ? 1 : (size_t)(slash - m->path));
	if (parent == NULL)
		return MAIL_TEMP;
	if (fstatat(dirfd, parent, &st, 0) != 0) {
		maildir_log(m, LOG_ERR, "parent directory", errno);
		status = errno == EACCES ? MAIL_PERM : MAIL_TEMP;
	} else if (!S_ISDIR(st.st_mode))
		status = open_fail(m, "parent directory", ENOTDIR);
	free(parent);
	return status;
}

/*
 * A Maildir that somebody else can write to may hold anything; what he puts there would
 * be read and removed with the rights of this user.
 */
static enum mail_status
check_owner(const struct maildir *m, int dir, const char *name)
{
	struct stat st;

	if (fstat(dir, &st) != 0)
		return open_fail(m, "stat", errno);
	if (st.st_uid == geteuid())
		return MAIL_OK;
	m->options->log(m->options->cookie, LOG_ERR,
		"Maildir %s: refused: %s is another user's", m->path, name);
	return MAIL_PERM;
}

/* Open new or cur.  One that is missing is never made: see check_parent. */
static enum mail_status
open_sub(struct maildir *m, int dir, enum maildir_sub sub)
{
	const char *name = sub == MAILDIR_NEW ? "new" : "cur";

	m->dirs[sub] = openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	return m->dirs[sub] < 0 ? open_fail(m, name, errno)
				: check_owner(m, m->dirs[sub], name);
}

/*
 * Whoever has the file locks the directory as well, because a session may be there that
 * had to do without the file.  root is open until the end of the session.
 */
static enum mail_status
take_directory_too(struct maildir *m)
{
	/* A file system that cannot lock directories cannot do it for the other one. */
	if (flock(m->root, LOCK_EX | LOCK_NB) == 0 || errno != EWOULDBLOCK)
		return MAIL_OK;
	session_lock_release(&m->lock, m->lock.died);
	return MAIL_BUSY;
}

/* A full disk must not keep a user from deleting mail. */
static enum mail_status
take_lock(struct maildir *m, int dir)
{
	enum mail_status status = session_lock_take(&m->lock, dir, LOCK_NAME, m->options);

	if (status == MAIL_OK)
		return take_directory_too(m);
	if (status != MAIL_TEMP || (errno != ENOSPC && errno != EDQUOT))
		return status;
	status = session_lock_take_directory(&m->lock, dir, m->options);
	if (status == MAIL_OK)
		m->options->log(m->options->cookie, LOG_WARNING,
			"Maildir %s: no room for the session lock: locked on this host "
			"only",
			m->path);
	return status;
}

static enum mail_status
open_parts(struct maildir *m, int dirfd)
{
	enum mail_status status;
	int dir;

	/* It has no parent either that could tell a missing maildrop from a mistake. */
	if (m->path[0] == '\0')
		return open_fail(m, "empty path", ENOTDIR);
	dir = openat(dirfd, m->path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (dir < 0)
		return errno == ENOENT ? check_parent(m, dirfd)
				       : open_fail(m, "open", errno);
	m->root = dir;
	status = check_owner(m, dir, "it");
	if (status == MAIL_OK)
		status = open_sub(m, dir, MAILDIR_NEW);
	if (status == MAIL_OK)
		status = open_sub(m, dir, MAILDIR_CUR);
	/* Last, so that no file is left in what turned out to be no Maildir. */
	if (status == MAIL_OK)
		status = take_lock(m, dir);
	if (status == MAIL_OK && m->lock.died)
		maildir_index_sweep(m);
	if (status == MAIL_OK)
		status = login_stamp(dir, LOGIN_NAME, m->options);
	return status;
}

/* Administrators should know what a first session had to do. */
static void
log_counted(const struct maildir *m)
{
	if (m->counted >= COUNTED_MANY)
		m->options->log(m->options->cookie, LOG_INFO,
			"Maildir %s: indexed: %zu messages of %llu octets read", m->path,
			m->counted, (unsigned long long)m->counted_octets);
}

static void
close_store(struct mailstore *store)
{
	struct maildir *m = (struct maildir *)store;

	if (m == NULL)
		return;
	log_counted(m);
	/* What is kept is whoever's who has the maildrop now. */
	if (session_lock_keep(&m->lock) == MAIL_OK)
		maildir_index_save(m);
	index_close(&m->index);
	for (int sub = 0; sub < MAILDIR_SUBS; sub++)
		if (m->dirs[sub] >= 0)
			(void)close(m->dirs[sub]);
	/* Before the file, or who gets that would find the directory locked. */
	if (m->root >= 0)
		(void)flock(m->root, LOCK_UN);
	session_lock_release(&m->lock, false);
	if (m->root >= 0)
		(void)close(m->root);
	maildir_list_free(&m->list);
	id_file_free(&m->ids);
	free(m->index_body);
	free(m->buffer);
	free(m->path);
	free(m);
}

static enum mail_status
open_store(struct mailstore **store, int dirfd, const char *path,
	const struct mail_options *options)
{
	struct maildir *m = calloc(1, sizeof(*m));
	enum mail_status status;
	size_t n = strlen(path);

	if (m == NULL)
		return MAIL_TEMP;
	m->store.ops = &mailstore_maildir;
	m->options = options;
	m->root = m->dirs[MAILDIR_NEW] = m->dirs[MAILDIR_CUR] = -1;
	m->lock = SESSION_LOCK_NONE;
	m->index.fd = -1;
	/* O_NOFOLLOW does follow a symbolic link that has a slash behind it. */
	while (n > 1 && path[n - 1] == '/')
		n--;
	m->path = strndup(path, n);
	status = m->path == NULL ? MAIL_TEMP : open_parts(m, dirfd);
	if (status == MAIL_OK)
		*store = &m->store;
	else
		close_store(&m->store);
	return status;
}

static enum mail_status
keep(struct mailstore *store)
{
	return session_lock_keep(&((struct maildir *)store)->lock);
}

const struct mailstore_ops mailstore_maildir = {
	.name = "maildir",
	.needs = maildir_needs,
	.open = open_store,
	.keep = keep,
	.load = maildir_load,
	.total = maildir_total,
	.octets = maildir_known_octets,
	.uid = maildir_uid,
	.message_open = maildir_known_open,
	.message_read = maildir_message_read,
	.message_as_is = maildir_message_as_is,
	.message_close = maildir_message_close,
	.older = maildir_older,
	.update = maildir_known_update,
	.close = close_store,
};
