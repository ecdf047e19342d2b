#include "mailstore/mbox.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>
#include <unistd.h>

#include "mailstore/needs.h"

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
		status = mbox_place_login(box);
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
		box->believed = 0;
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

	if (box->listed || box->spoiled || box->index.octets == INDEX_UNKNOWN)
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

const struct mailstore_ops mailstore_mbox = {
	.name = "mbox",
	.needs = mbox_needs,
	.open = store_open,
	.keep = store_keep,
	.load = store_load,
	.total = store_total,
	.octets = store_octets,
	.uid = mbox_uid,
	.message_open = mbox_message_open,
	.message_read = mbox_message_read,
	.message_close = mbox_message_close,
	.older = mbox_older,
	.update = mbox_update,
	.close = store_close,
};
