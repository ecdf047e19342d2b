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
#include "mailstore/mbox_alike.h"
#include "mailstore/mbox_import.h"
#include "mailstore/unique_id.h"

/*
 * Give messages the ids that the file has for them; "" for those that it does not know.
 * given: a bit for each id that was given before.
 */
static void
ids_find(struct mbox *box, const struct mbox_alike *alike, unsigned char *given)
{
	struct mbox_run run = {.end = 0};

	while (mbox_run_next(alike, &run)) {
		const struct id_record *record = run.record;

		for (size_t k = run.begin; k < run.end; k++) {
			const size_t i = alike->order[k];

			if (i >= box->ids_known)
				(void)snprintf(box->ids[i], sizeof *box->ids, "%s",
					record != NULL ? record->id : "");
			if (box->ids[i][0] != '\0')
				given[i / 8] |= (unsigned char)(1u << i % 8);
			if (record != NULL)
				alike->used[record - alike->file->records] = true;
			record =
				record == NULL ? NULL : id_file_next(alike->file, record);
		}
	}
}

/*
 * The ids of messages that have none yet.  Of messages that are alike none gets a number
 * that one of them ever had.
 */
static void
ids_number(struct mbox *box, const struct mbox_alike *alike)
{
	struct mbox_run run = {.end = 0};

	while (mbox_run_next(alike, &run)) {
		size_t number = run.greatest;

		for (size_t k = run.begin; k < run.end; k++) {
			const size_t i = alike->order[k];

			if (box->ids[i][0] != '\0')
				continue;
			if (number == 0)
				memcpy(box->ids[i], run.own, sizeof run.own);
			else
				unique_id_number(run.own, ++number, box->ids[i]);
		}
	}
}

/* Behind the ids of the messages come those of messages that are gone. */
static bool
ids_distinguish(struct mbox *box, const struct mbox_alike *alike, unsigned char *given)
{
	const size_t n = alike->n;
	char(*ids)[MAIL_UID_MAX + 1] =
		reallocarray(NULL, n + alike->file->count + 1, sizeof *ids);
	size_t all = n;
	bool good;

	if (ids == NULL)
		return false;
	memcpy(ids, box->ids, n * sizeof *ids);
	for (size_t r = 0; r < alike->file->count; r++) {
		if (alike->used[r])
			continue;
		(void)snprintf(ids[all], sizeof *ids, "%s", alike->file->records[r].id);
		given[all / 8] |= (unsigned char)(1u << all % 8);
		all++;
	}
	good = unique_id_distinguish(ids, all, given);
	if (good)
		memcpy(box->ids, ids, n * sizeof *ids);
	free(ids);
	return good;
}

static enum mail_status
ids_make(struct mbox *box, const struct mbox_alike *alike)
{
	const bool first = !alike->file->present || alike->file->damaged;
	unsigned char *given = calloc((alike->n + alike->file->count) / 8 + 1, 1);
	enum mail_status status = MAIL_OK;

	if (given == NULL)
		return MAIL_TEMP;
	ids_find(box, alike, given);
	if (first || mbox_import_is_live(box->options->uidl_source))
		status = mbox_import(box, first);
	ids_number(box, alike);
	if (status == MAIL_OK && !ids_distinguish(box, alike, given))
		status = MAIL_TEMP;
	free(given);
	return status;
}

enum mail_status
mbox_ids_settle(struct mbox *box)
{
	struct id_file file = {.records = NULL};
	struct mbox_alike alike = {.order = NULL};
	enum mail_status status = mbox_ids_read(box, &file);

	errno = ENOMEM;
	if (status == MAIL_OK && !mbox_alike_make(&alike, box, &file))
		status = mbox_fail(box, "unique-ids");
	if (status == MAIL_OK && box->ids_known < mbox_count(box))
		status = ids_make(box, &alike);
	if (status == MAIL_OK) {
		box->ids_known = mbox_count(box);
		box->learned = true;
		if (box->ids_known > 0)
			mbox_alike_record(&alike, box);
	} else
		box->ids_known = 0;
	mbox_alike_free(&alike);
	id_file_free(&file);
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
