/*
 * Reading a message of an mbox: what is sent is what was listed, or the client is told.
 */
#include <errno.h>
#include <string.h>

#include "mailstore/mbox.h"
#include "mailstore/mbox_from.h"
#include "mailstore/mbox_io.h"
#include "mailstore/mbox_journal.h"

/* Whether what stands behind offset may become a From_ line: it has no end yet. */
static bool
from_begins(const struct mbox *box, uint64_t offset, uint64_t size)
{
	static const char start[] = "From ";
	unsigned char line[MBOX_FROM_MAX];
	const uint64_t n = size - offset;

	return n > 0 && n < sizeof line && mbox_io_read(box->fd, line, n, offset) &&
	       memcmp(line, start, n < sizeof start - 1 ? n : sizeof start - 1) == 0 &&
	       memchr(line, '\n', n) == NULL;
}

/*
 * Whether the last message still ends where it did: the file does, or a message that was
 * delivered since begins there.  Nothing is locked now, and delivery agents write a
 * message piece by piece; procmail's first is the letter "F".
 */
static bool
last_ends(const struct mbox *box, uint64_t size)
{
	const uint64_t end = (uint64_t)box->seen.st_size;
	uint64_t skip = 0;

	if (size == end)
		return true;
	if (mbox_journal_skip(box, end, size, &skip))
		return skip < size - end;
	return from_begins(box, end + skip, size);
}

/*
 * Whether message i still is where it was.  A program that rewrites the mbox moves what
 * stands behind its change, so what comes behind the message is looked at as well.
 */
static enum mail_status
message_check(struct mbox *box, size_t i)
{
	enum mail_status status;
	struct stat st;

	if (fstat(box->fd, &st) != 0)
		return mbox_fail(box, "stat");
	if (mbox_file_same(&st, &box->seen))
		return MAIL_OK;
	if (st.st_size < box->seen.st_size)
		return MAIL_CHANGED;
	status = mbox_file_check(box, i);
	if (status == MAIL_OK && i + 1 < box->n)
		status = mbox_file_check(box, i + 1);
	else if (status == MAIL_OK && !last_ends(box, (uint64_t)st.st_size))
		status = MAIL_CHANGED;
	return status;
}

enum mail_status
mbox_message_open(struct mailstore *store, size_t i, struct mail_message **message)
{
	struct mbox *box = (struct mbox *)store;
	enum mail_status status = mbox_need(box);

	if (status == MAIL_OK)
		status = mbox_file_check(box, i + box->hidden);
	if (status == MAIL_OK)
		status = message_check(box, i + box->hidden);
	if (status == MAIL_OK && i + box->hidden < box->believed)
		status = mbox_file_compare(box, i + box->hidden, i + box->hidden + 1);
	if (status == MAIL_CHANGED)
		box->spoiled = true;
	if (status != MAIL_OK)
		return status;
	box->message = (struct mail_message){.box = box, .i = i + box->hidden};
	*message = &box->message;
	return MAIL_OK;
}

enum mail_status
mbox_message_read(struct mail_message *message, void *buf, size_t cap, size_t *n)
{
	struct mbox *box = message->box;
	const struct mbox_entry *entry = &box->entries[message->i];
	const uint64_t left = entry->length - message->done;
	enum mail_status status;

	*n = left < cap ? (size_t)left : cap;
	if (*n == 0) {
		/* What LIST said must be what was sent. */
		if (octets_total(&message->sent) == entry->octets)
			return MAIL_OK;
		box->spoiled = true;
		return MAIL_CHANGED;
	}
	if (!mbox_io_read(box->fd, buf, *n, entry->start + message->done))
		return errno == ENODATA ? MAIL_CHANGED : mbox_fail(box, "read");
	/* After reading: a change before this is seen, a later one did not matter. */
	status = message_check(box, message->i);
	if (status != MAIL_OK)
		return status;
	octets_add(&message->sent, buf, *n);
	message->done += *n;
	return MAIL_OK;
}

void
mbox_message_close(struct mail_message *message)
{
	message->box = NULL;
}
