#include "mailstore/mbox.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>
#include <unistd.h>

#include "mailstore/mbox_from.h"
#include "mailstore/mbox_io.h"
#include "mailstore/mbox_journal.h"
#include "mailstore/unique_id.h"

#define CHANGED_TRIES 3 /* times that someone may replace the file under us */

static void
store_close(struct mailstore *store)
{
	struct mbox *box = (struct mbox *)store;

	if (box == NULL)
		return;
	if (box->fd != -1)
		(void)close(box->fd);
	mbox_place_close(box);
	if (box->dirfd != -1)
		(void)close(box->dirfd);
	free(box->path);
	free(box->entries);
	free(box->ids);
	free(box);
}

static enum mail_status
store_open(struct mailstore **store, int dirfd, const char *path,
	const struct mail_options *options)
{
	struct mbox *box = calloc(1, sizeof *box);
	enum mail_status status;

	if (box == NULL)
		return MAIL_TEMP;
	box->store.ops = &mailstore_mbox;
	box->options = options;
	box->dirfd = box->fd = -1;
	for (size_t i = 0; i < MBOX_PLACES; i++)
		box->places[i].dirfd = box->lock_fds[i] = -1;
	status = mbox_file_locate(box, dirfd, path);
	if (status == MAIL_OK)
		status = mbox_file_open(box);
	if (status == MAIL_OK)
		status = mbox_place_lock(box, dirfd);
	if (status == MAIL_OK)
		*store = &box->store;
	else
		store_close(&box->store);
	return status;
}

static bool
entry_keep(void *cookie, const struct mbox_entry *entry)
{
	struct mbox *box = cookie;

	/* Of messages that are too many, one more is enough to know it. */
	if (box->n - box->hidden > box->options->max_messages)
		return false;
	if (box->n == box->capacity) {
		size_t capacity = box->capacity == 0 ? 64 : box->capacity * 2;
		struct mbox_entry *entries =
			reallocarray(box->entries, capacity, sizeof *entries);

		if (entries == NULL)
			return false;
		box->entries = entries;
		box->capacity = capacity;
	}
	if (entry->pseudo)
		box->hidden = 1;
	box->entries[box->n++] = *entry;
	return true;
}

/* The mbox is locked and is the file that has the name. */
static enum mail_status
load_locked(struct mbox *box)
{
	enum mail_status status;

	box->n = box->hidden = 0;
	mbox_place_sweep(box);
	status = mbox_recover(box);
	if (status != MAIL_OK)
		return status;
	if (fstat(box->fd, &box->seen) != 0)
		return mbox_fail(box, "stat");
	if ((uint64_t)box->seen.st_size > box->options->max_octets)
		return MAIL_LIMIT;
	status = mbox_file_parse(box, (uint64_t)box->seen.st_size, entry_keep, box);
	if (status != MAIL_OK && status != MAIL_LIMIT)
		return status;
	if (box->n - box->hidden > box->options->max_messages)
		return MAIL_LIMIT;
	return status == MAIL_OK ? MAIL_OK : mbox_fail(box, "list of messages");
}

/* One attempt; MAIL_CHANGED if it is another file by now that has the name. */
static enum mail_status
load_once(struct mbox *box)
{
	struct delivery_lock lock;
	enum mail_status status;
	struct stat st;

	if (box->fd == -1) {
		status = mbox_file_open(box);
		if (status != MAIL_OK || box->fd == -1)
			return status;
	}
	status = delivery_lock_take(&lock, box->dirfd, box->name, box->fd,
		mbox_recover_needed(box), box->options);
	if (status != MAIL_OK)
		return status;
	status = mbox_file_stands(box, &st);
	if (status == MAIL_OK) {
		box->lock = &lock;
		status = load_locked(box);
		box->lock = NULL;
	}
	if (!delivery_lock_release(&lock))
		box->left = true;
	if (status == MAIL_CHANGED) {
		(void)close(box->fd);
		box->fd = -1;
	}
	return status;
}

static enum mail_status
store_load(struct mailstore *store, size_t *count)
{
	struct mbox *box = (struct mbox *)store;
	enum mail_status status = MAIL_CHANGED;

	for (int tries = 0; status == MAIL_CHANGED && tries < CHANGED_TRIES; tries++)
		status = load_once(box);
	if (status == MAIL_LIMIT)
		mbox_log(box, LOG_WARNING, "over the limit of messages or octets");
	if (status == MAIL_OK)
		*count = box->n - box->hidden;
	return status;
}

static enum mail_status
store_octets(struct mailstore *store, size_t i, uint64_t *octets)
{
	const struct mbox *box = (const struct mbox *)store;

	*octets = box->entries[i + box->hidden].octets;
	return MAIL_OK;
}

static bool
ids_make(struct mbox *box)
{
	static const char digits[] = "0123456789abcdef";
	const size_t n = box->n - box->hidden;

	box->ids = calloc(n, sizeof *box->ids);
	if (box->ids == NULL)
		return false;
	for (size_t i = 0; i < n; i++) {
		const unsigned char *id = box->entries[i + box->hidden].id;

		for (size_t k = 0; k < MBOX_ID_SIZE; k++) {
			box->ids[i][2 * k] = digits[id[k] >> 4];
			box->ids[i][2 * k + 1] = digits[id[k] & 15];
		}
	}
	if (unique_id_distinguish(box->ids, n))
		return true;
	free(box->ids);
	box->ids = NULL;
	return false;
}

static enum mail_status
store_uid(struct mailstore *store, size_t i, char uid[MAIL_UID_MAX + 1])
{
	struct mbox *box = (struct mbox *)store;

	if (box->ids == NULL && !ids_make(box))
		return mbox_fail(box, "unique-ids");
	memcpy(uid, box->ids[i], MAIL_UID_MAX + 1);
	return MAIL_OK;
}

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

static enum mail_status
message_open(struct mailstore *store, size_t i, struct mail_message **message)
{
	struct mbox *box = (struct mbox *)store;
	enum mail_status status = mbox_file_check(box, i + box->hidden);

	if (status == MAIL_OK)
		status = message_check(box, i + box->hidden);
	if (status != MAIL_OK)
		return status;
	box->message = (struct mail_message){.box = box, .i = i + box->hidden};
	*message = &box->message;
	return MAIL_OK;
}

static enum mail_status
message_read(struct mail_message *message, void *buf, size_t cap, size_t *n)
{
	struct mbox *box = message->box;
	const struct mbox_entry *entry = &box->entries[message->i];
	const uint64_t left = entry->length - message->done;
	enum mail_status status;

	*n = left < cap ? (size_t)left : cap;
	if (*n == 0) {
		/* What LIST said must be what was sent. */
		return octets_total(&message->sent) == entry->octets ? MAIL_OK
								     : MAIL_CHANGED;
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

static void
message_close(struct mail_message *message)
{
	message->box = NULL;
}

const struct mailstore_ops mailstore_mbox = {
	.name = "mbox",
	.open = store_open,
	.load = store_load,
	.octets = store_octets,
	.uid = store_uid,
	.message_open = message_open,
	.message_read = message_read,
	.message_close = message_close,
	.update = mbox_update,
	.close = store_close,
};
