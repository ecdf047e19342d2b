#include "mailstore/maildir.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <syslog.h>
#include <unistd.h>

#include "mailstore/block.h"
#include "mailstore/decoder.h"
#include "mailstore/maildir_count.h"
#include "mailstore/maildir_scan.h"
#include "mailstore/unique_id.h"

#define REFUSED_LINES 8u

struct mail_message {
	struct maildir *m;
	size_t i;
	int fd;
	struct decoder decoder;
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
 * A message whose file cannot be decompressed will not get better by itself.  It is left
 * out, so that it does not bar the way to all others, and it stays where it is; each is
 * named in the log, up to a number of lines.
 */
static enum mail_status
message_refuse(struct maildir *m, size_t i, const char *why)
{
	struct maildir_entry *entry = &m->list.entries[i];
	char id[MAIL_UID_MAX + 1];

	/* Whatever its octets were believed to be; nor may the index tell that again. */
	if ((entry->flags & MAILDIR_COUNTED) != 0)
		m->learned = true;
	entry->flags &= (uint16_t) ~(MAILDIR_COUNTED | MAILDIR_TRUSTED | MAILDIR_AS_IS);
	unique_id_from_name(entry->name, entry->base, id);
	if (m->refused++ < REFUSED_LINES)
		m->options->log(m->options->cookie, LOG_ERR,
			"Maildir %s: message %s is not served: %s%s", m->path, id, why,
			m->refused == REFUSED_LINES ? "; further ones are not logged"
						    : "");
	return MAIL_PERM;
}

static enum mail_status
decoder_fail(struct maildir *m, size_t i, enum decoder_status status)
{
	switch (status) {
	case DECODER_OK:
		return MAIL_OK;
	case DECODER_ERRNO:
		(void)message_fail(m, i, "read", errno);
		return MAIL_TEMP;
	case DECODER_SHRANK:
		(void)message_fail(m, i, decoder_problem(status), EIO);
		return MAIL_TEMP;
	case DECODER_DAMAGED:
	case DECODER_UNSUPPORTED:
	case DECODER_LARGE:
		break;
	}
	return message_refuse(m, i, decoder_problem(status));
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

/* Count message i, whose file is open and has `size` stored bytes. */
static enum mail_status
count_octets(struct maildir *m, size_t i, int fd, uint64_t size,
	struct maildir_counted *counted)
{
	if (m->buffer == NULL)
		m->buffer = block_new(MAILDIR_COUNT_BUFFER);
	if (m->buffer == NULL)
		return MAIL_TEMP;
	return decoder_fail(m, i,
		maildir_count(fd, size, m->options->max_decompressed, m->buffer, &m->lock,
			counted));
}

enum mail_status
maildir_octets(struct mailstore *store, size_t i, uint64_t *octets)
{
	struct maildir *m = (struct maildir *)store;
	struct maildir_entry *entry = &m->list.entries[i];
	struct maildir_counted counted;
	enum mail_status status;
	struct stat st;
	int fd;

	if ((entry->flags & MAILDIR_COUNTED) == 0) {
		status = open_regular(m, i, &fd, &st);
		if (status != MAIL_OK)
			return status;
		status = count_octets(m, i, fd, (uint64_t)st.st_size, &counted);
		(void)close(fd);
		if (status != MAIL_OK)
			return status;
		maildir_entry_count(entry, &st, &counted);
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
	struct maildir_counted counted;
	enum mail_status status;

	if ((entry->flags & MAILDIR_COUNTED) == 0)
		return MAIL_OK;
	if (entry->size != (uint64_t)st->st_size)
		return MAIL_CHANGED;
	if (entry->mtime == maildir_mtime(st))
		return MAIL_OK;
	status = count_octets(m, i, fd, entry->size, &counted);
	if (status != MAIL_OK)
		return status;
	if (counted.octets != entry->octets)
		return MAIL_CHANGED;
	maildir_entry_count(entry, st, &counted);
	m->learned = true;
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
	if (st.st_size > (off_t)MAILDIR_COUNT_BUFFER)
		(void)posix_fadvise(fd, 0, 0, POSIX_FADV_SEQUENTIAL);
	*msg = (struct mail_message){.m = m, .i = i, .fd = fd};
	decoder_open(
		&msg->decoder, fd, (uint64_t)st.st_size, m->options->max_decompressed);
	*message = msg;
	return MAIL_OK;
}

enum mail_status
maildir_message_read(struct mail_message *message, void *buf, size_t cap, size_t *n)
{
	return decoder_fail(
		message->m, message->i, decoder_read(&message->decoder, buf, cap, n));
}

bool
maildir_message_as_is(struct mail_message *message, int *fd, uint64_t *octets)
{
	const unsigned known = MAILDIR_COUNTED | MAILDIR_AS_IS;
	const struct maildir_entry *entry = &message->m->list.entries[message->i];
	struct stat st;

	*fd = message->fd;
	*octets = entry->size;
	return (entry->flags & known) == known && fstat(message->fd, &st) == 0 &&
	       (uint64_t)st.st_size == entry->size && maildir_mtime(&st) == entry->mtime;
}

void
maildir_message_close(struct mail_message *message)
{
	if (message == NULL)
		return;
	decoder_close(&message->decoder);
	(void)close(message->fd);
	free(message);
}
