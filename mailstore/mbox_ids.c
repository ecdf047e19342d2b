/*
 * Unique-ids of an mbox.  A message's own id is a hash of what delivery wrote.  What does
 * not follow from that stands in a file (id_file.h), by that hash: ids that another
 * server gave, and those of messages that are alike.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>

#include "mailstore/import.h"
#include "mailstore/mbox.h"
#include "mailstore/mbox_import.h"
#include "mailstore/unique_id.h"

/* A message among those with the same hash. */
struct peer {
	const struct mbox_entry *entry;
	size_t i;       /* of the message */
	size_t ordinal; /* how many of the same hash come before it */
	bool alone;
};

void
mbox_own_uid(const struct mbox_entry *entry, char uid[MAIL_UID_MAX + 1])
{
	static const char digits[] = "0123456789abcdef";

	for (size_t k = 0; k < MBOX_ID_SIZE; k++) {
		uid[2 * k] = digits[entry->id[k] >> 4];
		uid[2 * k + 1] = digits[entry->id[k] & 15];
	}
	uid[2 * (size_t)MBOX_ID_SIZE] = '\0';
}

static int
compare_peers(const void *a, const void *b)
{
	const struct peer *x = a, *y = b;
	const int order = memcmp(x->entry->id, y->entry->id, MBOX_ID_SIZE);

	if (order != 0)
		return order;
	return x->i < y->i ? -1 : x->i > y->i;
}

static int
compare_places(const void *a, const void *b)
{
	const struct peer *x = a, *y = b;

	return x->i < y->i ? -1 : x->i > y->i;
}

/* One for each message, in order; NULL if out of memory. */
static struct peer *
peers_make(const struct mbox *box)
{
	const size_t n = mbox_count(box);
	struct peer *peers = calloc(n + 1, sizeof *peers);

	if (peers == NULL)
		return NULL;
	for (size_t i = 0; i < n; i++)
		peers[i] = (struct peer){
			.entry = &box->entries[i + box->hidden], .i = i, .alone = true};
	qsort(peers, n, sizeof *peers, compare_peers);
	for (size_t i = 1; i < n; i++) {
		if (memcmp(peers[i].entry->id, peers[i - 1].entry->id, MBOX_ID_SIZE) != 0)
			continue;
		peers[i].ordinal = peers[i - 1].ordinal + 1;
		peers[i].alone = peers[i - 1].alone = false;
	}
	qsort(peers, n, sizeof *peers, compare_places);
	return peers;
}

/* The id that the file has for a message; NULL if it has none. */
static const char *
recorded(const struct id_file *file, const struct peer *peer)
{
	char own[MAIL_UID_MAX + 1];
	const struct id_record *record;

	if (file->count == 0)
		return NULL;
	mbox_own_uid(peer->entry, own);
	record = id_file_find(file, own);
	for (size_t k = 0; k < peer->ordinal && record != NULL; k++)
		record = id_file_next(file, record);
	return record != NULL ? record->id : NULL;
}

/* Whether the id of a message has to stand in the file. */
static bool
needs_record(const struct mbox *box, const struct peer *peer)
{
	char own[MAIL_UID_MAX + 1];

	mbox_own_uid(peer->entry, own);
	return !peer->alone || strcmp(box->ids[peer->i], own) != 0;
}

/* Make ids of the messages that have none yet. */
static enum mail_status
ids_make(struct mbox *box, const struct peer *peers, const struct id_file *file)
{
	const size_t n = mbox_count(box);
	unsigned char *given = calloc(n / 8 + 1, 1);
	enum mail_status status = MAIL_OK;

	if (given == NULL)
		return MAIL_TEMP;
	for (size_t i = 0; i < n; i++) {
		const char *id = recorded(file, &peers[i]);

		if (i >= box->ids_known && id == NULL)
			box->ids[i][0] = '\0';
		else if (i >= box->ids_known)
			memcpy(box->ids[i], id, strlen(id) + 1);
	}
	if (!file->present || mbox_import_is_live(box->options->uidl_source))
		status = mbox_import(box, !file->present);
	for (size_t i = 0; i < n; i++) {
		if (box->ids[i][0] == '\0')
			mbox_own_uid(peers[i].entry, box->ids[i]);
		else
			given[i / 8] |= (unsigned char)(1u << i % 8);
	}
	if (status == MAIL_OK && !unique_id_distinguish(box->ids, n, given))
		status = MAIL_TEMP;
	free(given);
	return status;
}

/* Write the file anew, if it does not say already what it has to. */
static void
ids_record(struct mbox *box, const struct peer *peers, const struct id_file *file)
{
	struct id_file fresh = {.records = NULL};
	bool changed = !file->present, good = true;
	char own[MAIL_UID_MAX + 1];

	for (size_t i = 0; i < mbox_count(box) && good; i++) {
		const char *id = recorded(file, &peers[i]);

		if (!needs_record(box, &peers[i])) {
			changed = changed || id != NULL;
			continue;
		}
		changed = changed || id == NULL || strcmp(id, box->ids[i]) != 0;
		mbox_own_uid(peers[i].entry, own);
		good = id_file_add(&fresh, own, box->ids[i]);
	}
	if (good && changed) {
		id_file_sort(&fresh);
		(void)mbox_ids_keep(box, &fresh);
	}
	id_file_free(&fresh);
}

enum mail_status
mbox_ids_settle(struct mbox *box)
{
	struct id_file file = {.records = NULL};
	struct peer *peers = peers_make(box);
	enum mail_status status = MAIL_TEMP;

	errno = ENOMEM;
	if (peers == NULL)
		return mbox_fail(box, "unique-ids");
	status = mbox_ids_read(box, &file);
	if (status == MAIL_OK && box->ids_known < mbox_count(box))
		status = ids_make(box, peers, &file);
	if (status == MAIL_OK) {
		box->ids_known = mbox_count(box);
		box->learned = true;
		if (box->ids_known > 0)
			ids_record(box, peers, &file);
	} else
		box->ids_known = 0;
	id_file_free(&file);
	free(peers);
	return status;
}

enum mail_status
mbox_uid(struct mailstore *store, size_t i, char uid[MAIL_UID_MAX + 1])
{
	struct mbox *box = (struct mbox *)store;
	enum mail_status status = mbox_need(box);

	if (status == MAIL_OK && box->ids_known < mbox_count(box))
		status = mbox_ids_settle(box);
	if (status == MAIL_OK)
		memcpy(uid, box->ids[i], sizeof box->ids[i]);
	return status;
}
