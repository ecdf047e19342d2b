#include "mailstore/maildir_quota_file.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <syslog.h>
#include <unistd.h>

#define FILE_NAME "maildirsize"
#define TRASH_NAME ".Trash"

/* The directory above, if it is this user's. */
static int
open_above(int dir)
{
	const int above = openat(dir, "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct stat st;

	if (above < 0)
		return -1;
	if (fstat(above, &st) == 0 && st.st_uid == geteuid())
		return above;
	(void)close(above);
	errno = EPERM;
	return -1;
}

static bool
is_trash(int root, const struct stat *folder)
{
	struct stat st;

	return fstatat(root, TRASH_NAME, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
	       st.st_dev == folder->st_dev && st.st_ino == folder->st_ino;
}

int
maildir_quota_root(int sub, bool *trash)
{
	int dir = open_above(sub);

	*trash = false;
	for (int depth = 0; dir >= 0 && depth < MAILDIR_QUOTA_FOLDERS; depth++) {
		struct stat st;
		int above;

		if (fstatat(dir, MAILDIR_QUOTA_FOLDER, &st, AT_SYMLINK_NOFOLLOW) != 0)
			return dir;
		above = fstat(dir, &st) == 0 ? open_above(dir) : -1;
		if (above >= 0)
			*trash = *trash || is_trash(above, &st);
		(void)close(dir);
		dir = above;
	}
	return dir;
}

static const char *
check_file(int fd, struct stat *st)
{
	if (fstat(fd, st) != 0)
		return strerror(errno);
	if (!S_ISREG(st->st_mode))
		return "it is no regular file";
	if (st->st_uid != geteuid())
		return "it is another user's";
	/* None: it has been replaced since it was opened. */
	if (st->st_nlink > 1)
		return "it has more than one name";
	return NULL;
}

int
maildir_quota_open(int root, int flags, struct stat *st, const char **wrong)
{
	/* No FIFO is waited for. */
	const int fd = openat(
		root, FILE_NAME, flags | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);

	*wrong = NULL;
	if (fd < 0) {
		if (errno == ELOOP)
			*wrong = "it is a symbolic link";
		else if (errno != ENOENT)
			*wrong = strerror(errno);
		return -1;
	}
	*wrong = check_file(fd, st);
	if (*wrong == NULL)
		return fd;
	(void)close(fd);
	return -1;
}

bool
maildir_quota_read(int fd, struct maildir_quota *q, const char **wrong)
{
	/* One octet more than is of use shows that there are more. */
	char text[MAILDIR_QUOTA_MAX + 1];
	size_t n = 0;

	while (n < sizeof(text)) {
		const ssize_t got = pread(fd, text + n, sizeof(text) - n, (off_t)n);

		if (got < 0) {
			*wrong = strerror(errno);
			return false;
		}
		if (got == 0)
			break;
		n += (size_t)got;
	}
	*wrong = maildir_quota_parse(q, text, n) ? NULL : "it defines no quota";
	return *wrong == NULL;
}

/* One line about a file that is left as it is. */
static void
log_left_alone(const struct maildir *m, const char *wrong)
{
	m->options->log(m->options->cookie, LOG_WARNING,
		"Maildir %s: " FILE_NAME " is left as it is: %s", m->path, wrong);
}

void
maildir_quota_begin(struct maildir_quota_debit *debit, const struct maildir *m)
{
	const char *wrong = NULL;
	struct stat st;
	bool trash;
	int root;

	*debit = (struct maildir_quota_debit){.fd = -1, .next = -1};
	root = maildir_quota_root(m->dirs[MAILDIR_CUR], &trash);
	if (root < 0) {
		maildir_log(m, LOG_WARNING, "directory of " FILE_NAME, errno);
		return;
	}
	if (!trash)
		debit->fd = maildir_quota_open(root, O_RDWR | O_APPEND, &st, &wrong);
	if (wrong != NULL)
		log_left_alone(m, wrong);
	(void)close(root);
}

void
maildir_quota_removing(struct maildir_quota_debit *debit, int dir, const char *name)
{
	struct stat st;

	debit->next = -1;
	if (debit->fd < 0 || !maildir_quota_name_counts(name) ||
		maildir_quota_name_size(name, &debit->next))
		return;
	/* Of a size that cannot be told nothing is taken off. */
	if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) == 0)
		debit->next = st.st_size;
	else
		debit->next = 0;
}

void
maildir_quota_removed(struct maildir_quota_debit *debit)
{
	if (debit->fd < 0 || debit->next < 0)
		return;
	debit->bytes = maildir_quota_add(debit->bytes, debit->next);
	debit->messages = maildir_quota_add(debit->messages, 1);
	debit->next = -1;
}

/*
 * Add the line by one write, so that it stays whole among those of others.  Returns an
 * errno, or 0.
 */
static int
append_line(int fd, off_t size, const char *line, size_t n)
{
	ssize_t written;

	/*
	 * Where there is no room for all of it there must be none for half of it: the
	 * next line would be read as the rest.
	 */
	if (fallocate(fd, FALLOC_FL_KEEP_SIZE, size, (off_t)n) != 0 &&
		errno != EOPNOTSUPP && errno != ENOSYS)
		return errno;
	written = write(fd, line, n);
	if (written < 0)
		return errno;
	if ((size_t)written == n)
		return 0;
	/* What is cut off counts for less than it should, which is the harmless error. */
	return write(fd, "\n", 1) < 0 ? errno : ENOSPC;
}

static void
write_debit(const struct maildir_quota_debit *debit, const struct maildir *m)
{
	char line[1 + MAILDIR_QUOTA_LINE] = "\n";
	struct maildir_quota q = {.torn = false};
	const char *wrong;
	struct stat st;
	size_t n;
	int error;

	wrong = check_file(debit->fd, &st);
	/*
	 * Who replaced it has counted since this session began, and may have met some of
	 * what it was about to remove.  To take that off the new file could be twice.
	 */
	if (wrong == NULL && st.st_nlink == 0)
		return;
	if (wrong == NULL && maildir_quota_read(debit->fd, &q, &wrong) &&
		st.st_size > MAILDIR_QUOTA_MAX)
		wrong = "it is too long; the next delivery should count again";
	if (wrong != NULL) {
		log_left_alone(m, wrong);
		return;
	}
	n = maildir_quota_line(line + 1, -debit->bytes, -debit->messages);
	/* A line that was never ended must not become the head of this one. */
	error = q.torn ? append_line(debit->fd, st.st_size, line, n + 1)
		       : append_line(debit->fd, st.st_size, line + 1, n);
	if (error != 0 && error != ESTALE)
		maildir_log(m, LOG_WARNING, "write to " FILE_NAME, error);
}

void
maildir_quota_end(struct maildir_quota_debit *debit, const struct maildir *m)
{
	if (debit->fd < 0)
		return;
	if (debit->messages > 0)
		write_debit(debit, m);
	/* On a remote file system this is when the line is written. */
	if (close(debit->fd) != 0 && errno != ESTALE)
		maildir_log(m, LOG_WARNING, "close " FILE_NAME, errno);
	debit->fd = -1;
}
