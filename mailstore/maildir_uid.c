#include "mailstore/maildir.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mailstore/maildir_name.h"
#include "mailstore/unique_id.h"

#define HASHED_DIGITS 32u /* length of the unique-id of a name that is none itself */

void
maildir_log_message(
	const struct maildir *m, int priority, size_t i, const char *what, int error)
{
	char id[MAIL_UID_MAX + 1];

	/* Not the name itself: it may hold any byte but a slash. */
	unique_id_from_name(m->list.entries[i].name, m->list.entries[i].base, id);
	m->options->log(m->options->cookie, priority, "Maildir %s: message %s: %s: %s",
		m->path, id, what, strerror(error));
}

/*
 * Base names are distinct, and hashes are as good as distinct.  Only a base name that
 * looks like a hash, which someone has made so, can be the unique-id of two messages.
 */
static bool
list_has_lookalike(const struct maildir_list *list)
{
	for (size_t i = 0; i < list->count; i++) {
		const struct maildir_entry *entry = &list->entries[i];

		if (entry->base == HASHED_DIGITS &&
			strspn(entry->name, "0123456789abcdef") >= HASHED_DIGITS)
			return true;
	}
	return false;
}

/*
 * Of messages with one base name, which file it is belongs to the id.  All of them get
 * such ids: any order of them could change, and then one would get the id of another.
 */
static void
entry_uid(const struct maildir *m, size_t i, char uid[MAIL_UID_MAX + 1])
{
	const struct maildir_entry *entry = &m->list.entries[i];
	char text[MAILDIR_NAME_MAX + 32];
	int n;

	if ((entry->flags & MAILDIR_RIVAL) == 0) {
		unique_id_from_name(entry->name, entry->base, uid);
		return;
	}
	/* No base name has a slash. */
	n = snprintf(text, sizeof(text), "%.*s/%llu", (int)entry->base, entry->name,
		(unsigned long long)m->list.rivals[entry->serial].ino);
	unique_id_from_name(text, n > 0 && (size_t)n < sizeof(text) ? (size_t)n : 0, uid);
}

static enum mail_status
make_ids(struct maildir *m)
{
	if (!list_has_lookalike(&m->list))
		return MAIL_OK;
	m->ids = reallocarray(NULL, m->list.count, sizeof(*m->ids));
	if (m->ids == NULL)
		return MAIL_TEMP;
	for (size_t i = 0; i < m->list.count; i++)
		entry_uid(m, i, m->ids[i]);
	if (unique_id_distinguish(m->ids, m->list.count))
		return MAIL_OK;
	free(m->ids);
	m->ids = NULL;
	return MAIL_TEMP;
}

enum mail_status
maildir_uid(struct mailstore *store, size_t i, char uid[MAIL_UID_MAX + 1])
{
	struct maildir *m = (struct maildir *)store;

	if (!m->ids_checked) {
		const enum mail_status status = make_ids(m);

		if (status != MAIL_OK)
			return status;
		m->ids_checked = true;
	}
	if (m->ids != NULL)
		memcpy(uid, m->ids[i], sizeof(m->ids[i]));
	else
		entry_uid(m, i, uid);
	return MAIL_OK;
}
