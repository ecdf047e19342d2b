#include "mailstore/mbox_alike.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mailstore/unique_id.h"

#define GONE_MAX 1000u /* ids of messages that are gone, more than messages there are */
#define KEY_SIZE (MAIL_UID_MAX + 2)

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

static const struct mbox_entry *
entry_of(const struct mbox *box, size_t i)
{
	return &box->entries[i + box->hidden];
}

static int
compare_messages(const void *a, const void *b, void *cookie)
{
	const struct mbox *box = cookie;
	const size_t i = *(const size_t *)a, j = *(const size_t *)b;
	const int order =
		memcmp(entry_of(box, i)->id, entry_of(box, j)->id, MBOX_ID_SIZE);

	if (order != 0)
		return order;
	return i < j ? -1 : i > j;
}

bool
mbox_alike_make(
	struct mbox_alike *alike, const struct mbox *box, const struct id_file *file)
{
	*alike = (struct mbox_alike){
		.box = box,
		.file = file,
		.n = mbox_count(box),
		.order = calloc(mbox_count(box) + 1, sizeof *alike->order),
		.used = calloc(file->count + 1, sizeof *alike->used),
	};
	if (alike->order == NULL || alike->used == NULL) {
		mbox_alike_free(alike);
		return false;
	}
	for (size_t i = 0; i < alike->n; i++)
		alike->order[i] = i;
	qsort_r(alike->order, alike->n, sizeof *alike->order, compare_messages,
		(void *)(uintptr_t)box);
	return true;
}

void
mbox_alike_free(struct mbox_alike *alike)
{
	free(alike->order);
	free(alike->used);
	alike->order = NULL;
	alike->used = NULL;
}

/* The key under which the file has the greatest id of messages that are alike. */
static void
last_key(const char *own, char key[KEY_SIZE])
{
	(void)snprintf(key, KEY_SIZE, "%s+", own);
}

/* Which of the ids that an own id makes this one is: 1, 2...; 0 if it is another one. */
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

static void
run_look_up(const struct id_file *file, struct mbox_run *run)
{
	const struct id_record *record;
	char key[KEY_SIZE];

	run->record = NULL;
	run->records = run->greatest = 0;
	if (file->count == 0)
		return;
	run->record = id_file_find(file, run->own);
	for (record = run->record; record != NULL; record = id_file_next(file, record)) {
		const size_t number = number_of(run->own, record->id);

		run->records++;
		if (number > run->greatest)
			run->greatest = number;
	}
	last_key(run->own, key);
	record = id_file_find(file, key);
	if (record != NULL && number_of(run->own, record->id) > run->greatest)
		run->greatest = number_of(run->own, record->id);
}

bool
mbox_run_next(const struct mbox_alike *alike, struct mbox_run *run)
{
	const struct mbox_entry *first;

	run->begin = run->end;
	if (run->begin == alike->n)
		return false;
	first = entry_of(alike->box, alike->order[run->begin]);
	do
		run->end++;
	while (run->end < alike->n &&
		memcmp(entry_of(alike->box, alike->order[run->end])->id, first->id,
			MBOX_ID_SIZE) == 0);
	mbox_own_uid(first, run->own);
	run_look_up(alike->file, run);
	return true;
}

/* What the file will be. */
struct recording {
	const struct mbox_alike *alike;
	bool *met; /* records by an own id of a message that is there */
	struct id_file fresh;
	bool changed;
};

static void
mark_met(struct recording *r, const char *key)
{
	const struct id_file *old = r->alike->file;
	const struct id_record *record = id_file_find(old, key);

	for (; record != NULL; record = id_file_next(old, record))
		r->met[record - old->records] = true;
}

/* Keep the greatest number, of which messages may be gone. */
static bool
record_greatest(struct recording *r, const struct mbox_run *run)
{
	char key[KEY_SIZE], id[MAIL_UID_MAX + 1];
	const struct id_record *record;

	last_key(run->own, key);
	unique_id_number(run->own, run->greatest, id);
	record = id_file_find(r->alike->file, key);
	mark_met(r, key);
	r->changed = r->changed || record == NULL || strcmp(record->id, id) != 0;
	return id_file_add(&r->fresh, key, id);
}

/* What has to stand in the file about messages that are alike, or about one. */
static bool
record_run(struct recording *r, const struct mbox *box, const struct mbox_run *run)
{
	const struct id_record *record = run->record;
	const size_t *order = r->alike->order;

	if (r->alike->file->count > 0)
		mark_met(r, run->own);
	if (run->end - run->begin == 1 && run->greatest <= 1 &&
		strcmp(box->ids[order[run->begin]], run->own) == 0) {
		r->changed = r->changed || run->records > 0;
		return true;
	}
	r->changed = r->changed || run->records != run->end - run->begin;
	for (size_t k = run->begin; k < run->end; k++) {
		const char *id = box->ids[order[k]];

		r->changed = r->changed || record == NULL || strcmp(record->id, id) != 0;
		if (!id_file_add(&r->fresh, run->own, id))
			return false;
		record = record == NULL ? NULL : id_file_next(r->alike->file, record);
	}
	return run->greatest <= 1 || record_greatest(r, run);
}

/*
 * Messages that are gone may only seem so: a program that writes without a lock leaves
 * half an mbox to be seen.  Their ids are kept for a while.
 */
static bool
record_gone(struct recording *r)
{
	const struct id_file *old = r->alike->file;

	if (old->count > 2 * r->alike->n + GONE_MAX)
		return true;
	for (size_t i = 0; i < old->count; i++) {
		const struct id_record *record = &old->records[i];

		if (!r->met[i] && !id_file_add(&r->fresh, record->key, record->id))
			return false;
	}
	return true;
}

void
mbox_alike_record(const struct mbox_alike *alike, struct mbox *box)
{
	struct recording r = {
		.alike = alike,
		.met = calloc(alike->file->count + 1, sizeof *r.met),
		.changed = !alike->file->present || alike->file->damaged,
	};
	struct mbox_run run = {.end = 0};
	bool good = r.met != NULL;

	while (good && mbox_run_next(alike, &run))
		good = record_run(&r, box, &run);
	if (good && r.changed && record_gone(&r)) {
		id_file_sort(&r.fresh);
		(void)mbox_ids_keep(box, &r.fresh);
	}
	id_file_free(&r.fresh);
	free(r.met);
}
