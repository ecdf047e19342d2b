#include "mailstore/maildir.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <syslog.h>
#include <unistd.h>

#include "mailstore/maildir_scan.h"
#include "mailstore/octets.h"

#define BUFFER_SIZE 65536u

struct mail_message {
	struct maildir *m;
	size_t i;
	int fd;
	uint64_t left; /* stored bytes not read yet */
};

static enum mail_status
message_fail(struct maildir *m, size_t i, const char *what, int error)
{
	if (!m->message_logged)
		maildir_log_message(m, LOG_ERR, i, what, error);
	m->message_logged = true;
	return maildir_errno_status(error);
}

/*
 * Open the file of a message.  Other programs rename messages as they are read, so one
 * that is not where load() met it is looked for once in both directories.
 */
static enum mail_status
open_file(struct maildir *m, size_t i, int *fd)
{
	const struct maildir_entry *entry = &m->list.entries[i];

	for (int tries = 0; tries < 2 && (entry->flags & MAILDIR_GONE) == 0; tries++) {
		*fd = openat(m->dirs[entry->sub], entry->name,
			O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
		if (*fd >= 0)
			return MAIL_OK;
		if (errno != ENOENT && errno != ESTALE)
			return message_fail(m, i, "open", errno);
		if (tries == 0) {
			const enum mail_status status =
				maildir_scan(&m->list, m->dirs, true, m->options);

			if (status != MAIL_OK)
				return status;
		}
	}
	return MAIL_GONE;
}

static enum mail_status
open_regular(struct maildir *m, size_t i, int *fd, struct stat *st)
{
	enum mail_status status = open_file(m, i, fd);

	if (status != MAIL_OK)
		return status;
	if (fstat(*fd, st) != 0)
		status = message_fail(m, i, "stat", errno);
	else if (!S_ISREG(st->st_mode))
		status = message_fail(m, i, "not a regular file", EPERM);
	if (status != MAIL_OK)
		(void)close(*fd);
	return status;
}

/* Read up to cap bytes and never none before `left` is: a file that shrank is torn. */
static enum mail_status
read_some(struct maildir *m, size_t i, int fd, uint64_t left, void *buf, size_t cap,
	size_t *n)
{
	ssize_t got;

	*n = 0;
	if (left == 0)
		return MAIL_OK;
	if (cap > left)
		cap = (size_t)left;
	do
		got = read(fd, buf, cap);
	while (got < 0 && errno == EINTR);
	if (got <= 0) {
		(void)message_fail(m, i, got == 0 ? "shrank while it was read" : "read",
			got == 0 ? EIO : errno);
		return MAIL_TEMP;
	}
	*n = (size_t)got;
	return MAIL_OK;
}

static enum mail_status
count_octets(struct maildir *m, size_t i, int fd, uint64_t size, uint64_t *octets)
{
	struct octets o = {0};
	size_t n;

	if (m->buffer == NULL)
		m->buffer = malloc(BUFFER_SIZE);
	if (m->buffer == NULL)
		return MAIL_TEMP;
	if (size > BUFFER_SIZE)
		(void)posix_fadvise(fd, 0, 0, POSIX_FADV_SEQUENTIAL);
	while (size > 0) {
		const enum mail_status status =
			read_some(m, i, fd, size, m->buffer, BUFFER_SIZE, &n);

		if (status != MAIL_OK)
			return status;
		octets_add(&o, m->buffer, n);
		size -= n;
	}
	*octets = octets_total(&o);
	return MAIL_OK;
}

static int64_t
stat_mtime(const struct stat *st)
{
	return (int64_t)st->st_mtim.tv_sec * 1000000000 + st->st_mtim.tv_nsec;
}

enum mail_status
maildir_octets(struct mailstore *store, size_t i, uint64_t *octets)
{
	struct maildir *m = (struct maildir *)store;
	struct maildir_entry *entry = &m->list.entries[i];
	enum mail_status status;
	struct stat st;
	int fd;

	if ((entry->flags & MAILDIR_COUNTED) == 0) {
		status = open_regular(m, i, &fd, &st);
		if (status != MAIL_OK)
			return status;
		entry->size = (uint64_t)st.st_size;
		entry->mtime = stat_mtime(&st);
		status = count_octets(m, i, fd, entry->size, &entry->octets);
		(void)close(fd);
		if (status != MAIL_OK)
			return status;
		entry->flags |= MAILDIR_COUNTED;
	}
	*octets = entry->octets;
	return MAIL_OK;
}

/*
 * See that a message is still what its octets were counted from, else LIST would have
 * lied.  A new time stamp alone (a restored backup) is settled by counting again.
 */
static enum mail_status
check_unchanged(struct maildir *m, size_t i, int fd, const struct stat *st)
{
	struct maildir_entry *entry = &m->list.entries[i];
	enum mail_status status;
	uint64_t octets;

	if ((entry->flags & MAILDIR_COUNTED) == 0)
		return MAIL_OK;
	if (entry->size != (uint64_t)st->st_size)
		return MAIL_CHANGED;
	if (entry->mtime == stat_mtime(st))
		return MAIL_OK;
	status = count_octets(m, i, fd, entry->size, &octets);
	if (status != MAIL_OK)
		return status;
	if (octets != entry->octets)
		return MAIL_CHANGED;
	if (lseek(fd, 0, SEEK_SET) != 0)
		return message_fail(m, i, "seek", errno);
	entry->mtime = stat_mtime(st);
	return MAIL_OK;
}

enum mail_status
maildir_message_open(struct mailstore *store, size_t i, struct mail_message **message)
{
	struct maildir *m = (struct maildir *)store;
	enum mail_status status;
	struct mail_message *msg;
	struct stat st;
	int fd;

	status = open_regular(m, i, &fd, &st);
	if (status != MAIL_OK)
		return status;
	status = check_unchanged(m, i, fd, &st);
	msg = status == MAIL_OK ? malloc(sizeof(*msg)) : NULL;
	if (msg == NULL) {
		(void)close(fd);
		return status == MAIL_OK ? MAIL_TEMP : status;
	}
	if (st.st_size > (off_t)BUFFER_SIZE)
		(void)posix_fadvise(fd, 0, 0, POSIX_FADV_SEQUENTIAL);
	*msg = (struct mail_message){
		.m = m, .i = i, .fd = fd, .left = (uint64_t)st.st_size};
	*message = msg;
	return MAIL_OK;
}

enum mail_status
maildir_message_read(struct mail_message *message, void *buf, size_t cap, size_t *n)
{
	const enum mail_status status = read_some(
		message->m, message->i, message->fd, message->left, buf, cap, n);

	message->left -= *n;
	return status;
}

void
maildir_message_close(struct mail_message *message)
{
	if (message == NULL)
		return;
	(void)close(message->fd);
	free(message);
}
