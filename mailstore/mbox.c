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
	/* What is kept is whoever's who has the maildrop now. */
	if (mbox_place_keep(box) == MAIL_OK)
		mbox_index_save(box);
	index_close(&box->index);
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
	box->dirfd = box->fd = box->index.fd = -1;
	box->ids_place = MBOX_PLACES;
	for (size_t i = 0; i < MBOX_PLACES; i++) {
		box->places[i].dirfd = -1;
		box->locks[i] = SESSION_LOCK_NONE;
	}
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

static enum mail_status
store_keep(struct mailstore *store)
{
	return mbox_place_keep((struct mbox *)store);
}

bool
mbox_reserve(struct mbox *box, size_t n)
{
	size_t capacity = box->capacity == 0 ? 64 : box->capacity * 2;
	struct mbox_entry *entries;
	void *ids;

	if (n <= box->capacity)
		return true;
	if (capacity < n)
		capacity = n;
	entries = reallocarray(box->entries, capacity, sizeof *entries);
	if (entries == NULL)
		return false;
	box->entries = entries;
	ids = reallocarray(box->ids, capacity, sizeof *box->ids);
	if (ids == NULL)
		return false;
	box->ids = ids;
	box->capacity = capacity;
	return true;
}

static bool
entry_keep(void *cookie, const struct mbox_entry *entry)
{
	struct mbox *box = cookie;

	/* Of messages that are too many, one more is enough to know it. */
	if (mbox_count(box) > box->options->max_messages ||
		!mbox_reserve(box, box->n + 1))
		return false;
	if (entry->pseudo)
		box->hidden = 1;
	box->entries[box->n++] = *entry;
	return true;
}

/* The mbox is locked and is the file that has the name. */
static enum mail_status
load_locked(struct mbox *box)
{
	struct mbox_range range;
	enum mail_status status;

	mbox_place_sweep(box);
	status = mbox_recover(box);
	if (status != MAIL_OK)
		return status;
	if (fstat(box->fd, &box->seen) != 0)
		return mbox_fail(box, "stat");
	if ((uint64_t)box->seen.st_size > box->options->max_octets)
		return MAIL_LIMIT;
	box->settled = !index_stamp_is_fresh(&box->seen.st_mtim) &&
		       !index_stamp_is_fresh(&box->seen.st_ctim);
	mbox_index_resume(box, &range);
	status = mbox_file_parse(box, &range, entry_keep, box);
	if (status != MAIL_OK && status != MAIL_LIMIT)
		return status;
	if (mbox_count(box) > box->options->max_messages)
		return MAIL_LIMIT;
	if (status != MAIL_OK)
		return mbox_fail(box, "list of messages");
	box->covered = range.to;
	box->learned = true;
	return MAIL_OK;
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
		mbox_place_attach(box, &lock);
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
load_entries(struct mbox *box)
{
	enum mail_status status = MAIL_CHANGED;

	for (int tries = 0; status == MAIL_CHANGED && tries < CHANGED_TRIES; tries++)
		status = load_once(box);
	if (status == MAIL_LIMIT)
		mbox_log(box, LOG_WARNING, "over the limit of messages or octets");
	box->listed = status == MAIL_OK;
	return status;
}

static bool
is_within_limits(const struct mbox *box)
{
	return box->index.count <= box->options->max_messages &&
	       (uint64_t)box->seen.st_size <= box->options->max_octets;
}

static enum mail_status
store_load(struct mailstore *store, size_t *count)
{
	struct mbox *box = (struct mbox *)store;
	enum mail_status status;
	bool unchanged;

	box->listed = false;
	box->n = box->hidden = box->ids_known = 0;
	unchanged = mbox_index_open(box) && is_within_limits(box);
	/* After one that died there may be something to finish or to clean up. */
	if (unchanged && !box->died && !mbox_recover_needed(box)) {
		box->settled = true;
		box->covered = (uint64_t)box->seen.st_size;
		*count = (size_t)box->index.count;
		return MAIL_OK;
	}
	status = load_entries(box);
	if (status == MAIL_OK)
		*count = mbox_count(box);
	return status;
}

enum mail_status
mbox_need(struct mbox *box)
{
	enum mail_status status;

	if (box->listed)
		return MAIL_OK;
	box->listed = mbox_index_list(box);
	if (box->listed)
		return MAIL_OK;
	status = load_entries(box);
	if (status != MAIL_OK || mbox_count(box) == box->index.count)
		return status;
	box->listed = false;
	box->spoiled = true;
	return MAIL_CHANGED;
}

static bool
store_total(struct mailstore *store, uint64_t *octets)
{
	const struct mbox *box = (const struct mbox *)store;

	if (box->listed || box->index.octets == INDEX_UNKNOWN)
		return false;
	*octets = box->index.octets;
	return true;
}

static enum mail_status
store_octets(struct mailstore *store, size_t i, uint64_t *octets)
{
	struct mbox *box = (struct mbox *)store;
	const enum mail_status status = mbox_need(box);

	if (status == MAIL_OK)
		*octets = box->entries[i + box->hidden].octets;
	return status;
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
	enum mail_status status = mbox_need(box);

	if (status == MAIL_OK)
		status = mbox_file_check(box, i + box->hidden);
	if (status == MAIL_OK)
		status = message_check(box, i + box->hidden);
	if (status == MAIL_CHANGED)
		box->spoiled = true;
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

static void
message_close(struct mail_message *message)
{
	message->box = NULL;
}

const struct mailstore_ops mailstore_mbox = {
	.name = "mbox",
	.open = store_open,
	.keep = store_keep,
	.load = store_load,
	.total = store_total,
	.octets = store_octets,
	.uid = mbox_uid,
	.message_open = message_open,
	.message_read = message_read,
	.message_close = message_close,
	.update = mbox_update,
	.close = store_close,
};
