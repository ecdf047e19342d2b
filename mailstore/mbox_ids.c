/*
 * Unique-ids of an mbox.  A message's own id is a hash of what delivery wrote.  What does
 * not follow from that stands in a file (id_file.h), by that hash: ids that another
 * server gave, and those of messages that are alike.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>

#include "mailstore/import.h"
#include "mailstore/mbox.h"
#include "mailstore/mbox_import.h"
#include "mailstore/unique_id.h"

#define GONE_MAX 1000u /* ids of messages that are gone, more than messages there are */

/* A message among those with the same hash. */
struct peer {
	const struct mbox_entry *entry;
	size_t i;       /* of the message */
	size_t ordinal; /* how many of the same hash come before it */
	size_t behind;  /* and how many come after it */
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

static bool
are_alike(const struct peer *a, const struct peer *b)
{
	return memcmp(a->entry->id, b->entry->id, MBOX_ID_SIZE) == 0;
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
		peers[i] = (struct peer){.entry = &box->entries[i + box->hidden], .i = i};
	qsort(peers, n, sizeof *peers, compare_peers);
	for (size_t i = 1; i < n; i++)
		if (are_alike(&peers[i - 1], &peers[i]))
			peers[i].ordinal = peers[i - 1].ordinal + 1;
	for (size_t i = n; i-- > 1;)
		if (are_alike(&peers[i - 1], &peers[i]))
			peers[i - 1].behind = peers[i].behind + 1;
	qsort(peers, n, sizeof *peers, compare_places);
	return peers;
}

/* The key under which the file has the last id that messages of this hash were given. */
static void
last_key(const char *own, char key[MAIL_UID_MAX + 2])
{
	(void)snprintf(key, MAIL_UID_MAX + 2, "%s+", own);
}

/* Which of the ids that a hash makes this one is: 1, 2...; 0 if it is another one. */
static size_t
number_of(const char *own, const char *id)
{
	const size_t n = strlen(own);
	char *end;
	unsigned long number;

	if (strncmp(id, own, n) != 0)
		return 0;
	if (id[n] == '\0')
		return 1;
	if (id[n] != '.' || id[n + 1] < '1' || id[n + 1] > '9')
		return 0;
	number = strtoul(id + n + 1, &end, 10);
	return *end == '\0' && number < UINT32_MAX ? number : 0;
}

/* The greatest number that an id of this hash ever had, as far as the file knows. */
static size_t
greatest(const struct id_file *file, const char *own)
{
	const struct id_record *record;
	char key[MAIL_UID_MAX + 2];
	size_t most = 0;

	if (file->count == 0)
		return 0;
	for (record = id_file_find(file, own); record != NULL;
		record = id_file_next(file, record))
		if (number_of(own, record->id) > most)
			most = number_of(own, record->id);
	last_key(own, key);
	record = id_file_find(file, key);
	if (record != NULL && number_of(own, record->id) > most)
		most = number_of(own, record->id);
	return most;
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

/*
 * The own id of a message that has none: one that no message like it ever had.  How many
 * of them the file knew of tells how many are new.
 */
static void
own_id_make(struct mbox *box, const struct peer *peer, const struct id_file *file,
	size_t *after)
{
	char own[MAIL_UID_MAX + 1];
	size_t number;

	mbox_own_uid(peer->entry, own);
	number = greatest(file, own);
	if (number == 0)
		memcpy(box->ids[peer->i], own, sizeof own);
	else
		unique_id_number(own, number + ++*after, box->ids[peer->i]);
}

/* Make ids of the messages that have none yet. */
static enum mail_status
ids_make(struct mbox *box, const struct peer *peers, const struct id_file *file)
{
	const size_t n = mbox_count(box);
	unsigned char *given = calloc(n / 8 + 1, 1);
	enum mail_status status = MAIL_OK;
	size_t after = 0;

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
			own_id_make(box, &peers[i], file, &after);
		else
			given[i / 8] |= (unsigned char)(1u << i % 8);
	}
	if (status == MAIL_OK && !unique_id_distinguish(box->ids, n, given))
		status = MAIL_TEMP;
	free(given);
	return status;
}

/* What the file will be. */
struct recording {
	const struct id_file *old;
	bool *met; /* which of its records are of messages that are there */
	struct id_file fresh;
	bool changed;
};

static void
mark_met(struct recording *r, const char *key)
{
	const struct id_record *record = id_file_find(r->old, key);

	for (; record != NULL; record = id_file_next(r->old, record))
		r->met[record - r->old->records] = true;
}

/* Keep the greatest number of a hash, of which messages may be gone. */
static bool
record_last(struct recording *r, const char *own, size_t number)
{
	char key[MAIL_UID_MAX + 2], id[MAIL_UID_MAX + 32];
	const struct id_record *record;

	last_key(own, key);
	(void)snprintf(id, sizeof id, "%s.%zu", own, number);
	record = id_file_find(r->old, key);
	mark_met(r, key);
	r->changed = r->changed || record == NULL || strcmp(record->id, id) != 0;
	return id_file_add(&r->fresh, key, id);
}

/* Whether there are records behind the first n of a key. */
static bool
has_more(const struct id_file *file, const char *key, size_t n)
{
	const struct id_record *record = id_file_find(file, key);

	for (; n > 0 && record != NULL; n--)
		record = id_file_next(file, record);
	return record != NULL;
}

/*
 * Messages that are gone may only seem so: a program that writes without a lock leaves
 * half an mbox to be seen.  Their ids are kept for a while.
 */
static bool
record_gone(struct recording *r, size_t messages)
{
	if (r->old->count > 2 * messages + GONE_MAX)
		return true;
	for (size_t i = 0; i < r->old->count; i++) {
		const struct id_record *record = &r->old->records[i];

		if (!r->met[i] && !id_file_add(&r->fresh, record->key, record->id))
			return false;
	}
	return true;
}

/* What has to stand in the file about a message. */
static bool
record_message(struct recording *r, const struct mbox *box, const struct peer *peer)
{
	const char *id = box->ids[peer->i], *old = recorded(r->old, peer);
	char own[MAIL_UID_MAX + 1];
	size_t number;

	mbox_own_uid(peer->entry, own);
	mark_met(r, own);
	number = greatest(r->old, own);
	if (peer->ordinal + peer->behind == 0 && strcmp(id, own) == 0 && number <= 1) {
		r->changed = r->changed || old != NULL;
		return true;
	}
	r->changed = r->changed || old == NULL || strcmp(old, id) != 0 ||
		     (peer->behind == 0 && has_more(r->old, own, peer->ordinal + 1));
	if (peer->ordinal == 0 && number > 1 && !record_last(r, own, number))
		return false;
	return id_file_add(&r->fresh, own, id);
}

/* Write the file anew, if it does not say already what it has to. */
static void
ids_record(struct mbox *box, const struct peer *peers, const struct id_file *file)
{
	struct recording r = {
		.old = file,
		.met = calloc(file->count + 1, sizeof *r.met),
		.changed = !file->present,
	};
	bool good = r.met != NULL;

	for (size_t i = 0; i < mbox_count(box) && good; i++)
		good = record_message(&r, box, &peers[i]);
	if (good && r.changed && record_gone(&r, mbox_count(box))) {
		id_file_sort(&r.fresh);
		(void)mbox_ids_keep(box, &r.fresh);
	}
	id_file_free(&r.fresh);
	free(r.met);
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
