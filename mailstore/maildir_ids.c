/*
 * Unique-ids that do not follow from the names of messages: they stand in a file of ours
 * (id_file.h), into which those of other servers are taken once.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>

#include "mailstore/import.h"
#include "mailstore/maildir.h"
#include "mailstore/maildir_name.h"
#include "mailstore/unique_id.h"

#define HASHED_DIGITS 32u /* length of the unique-id of a name that is none itself */

static enum mail_status
ids_fail(const struct maildir *m, const char *what, int error)
{
	maildir_log(m, LOG_ERR, what, error);
	return MAIL_TEMP;
}

static void
copy_base(const struct maildir_entry *entry, char key[ID_FILE_KEY_MAX + 1])
{
	/* NAME_MAX, as that is. */
	memcpy(key, entry->name, entry->base);
	key[entry->base] = '\0';
}

static bool
take_import(void *cookie, const char *key, const char *id)
{
	return id_file_add(cookie, key, id);
}

/* A list that cannot be read now must not be taken for none: its ids would be lost. */
static enum mail_status
import_list(const struct maildir *m, enum import_source source, const char *name,
	struct id_file *ids)
{
	const size_t before = ids->count;
	enum import_result result = import_maildir(
		m->root, source, m->options->dovecot_format, take_import, ids);

	switch (result) {
	case IMPORT_OK:
		m->options->log(m->options->cookie, LOG_INFO,
			"Maildir %s: %zu unique-ids taken from %s", m->path,
			ids->count - before, name);
		break;
	case IMPORT_NONE:
		break;
	case IMPORT_BROKEN:
		m->options->log(m->options->cookie, LOG_WARNING,
			"Maildir %s: %s makes no sense: its unique-ids are not kept",
			m->path, name);
		break;
	case IMPORT_ERROR:
		return ids_fail(m, name, errno);
	}
	return MAIL_OK;
}

/* Of a message that two know, the first one's id counts; what the file has goes first. */
static enum mail_status
import_lists(struct maildir *m)
{
	const unsigned source = m->options->uidl_source;
	struct id_file ids = {.records = NULL};
	enum mail_status status = MAIL_OK;

	if (source == IMPORT_AUTO || source == IMPORT_DOVECOT)
		status = import_list(m, IMPORT_DOVECOT, "dovecot-uidlist", &ids);
	if (status == MAIL_OK && (source == IMPORT_AUTO || source == IMPORT_COURIER))
		status = import_list(m, IMPORT_COURIER, "courierpop3dsizelist", &ids);
	if (status == MAIL_OK && !id_file_merge(&m->ids, &ids))
		status = ids_fail(m, "unique-ids", ENOMEM);
	id_file_free(&ids);
	return status;
}

/* Give each message that has none yet the id that the file has for it. */
static void
assign(struct maildir *m)
{
	char key[ID_FILE_KEY_MAX + 1];

	for (size_t i = 0; i < m->list.count && m->ids.count > 0; i++) {
		struct maildir_entry *entry = &m->list.entries[i];
		const struct id_record *record;

		if ((entry->flags & (MAILDIR_SETTLED | MAILDIR_RIVAL)) != 0)
			continue;
		copy_base(entry, key);
		record = id_file_find(&m->ids, key);
		if (record != NULL)
			entry->uid = record->id;
	}
}

/* Where ids stand in the messages: those of messages that came since. */
static enum mail_status
assign_headers(struct maildir *m)
{
	char uid[MAIL_UID_MAX + 1];

	for (size_t i = 0; i < m->list.count; i++) {
		struct maildir_entry *entry = &m->list.entries[i];
		enum mail_status status;

		if (entry->uid != NULL ||
			(entry->flags & (MAILDIR_SETTLED | MAILDIR_RIVAL)) != 0)
			continue;
		(void)session_lock_keep(&m->lock);
		status = maildir_header_uid(m, i, uid);
		if (status == MAIL_TEMP)
			return status;
		if (status != MAIL_OK || uid[0] == '\0')
			continue;
		entry->uid = maildir_list_keep(&m->list, uid);
		if (entry->uid == NULL)
			return ids_fail(m, "unique-ids", ENOMEM);
	}
	return MAIL_OK;
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

/* Whether any id is not made from a name. */
static bool
has_foreign(const struct maildir *m)
{
	bool foreign = m->ids.count > 0;

	for (size_t i = 0; i < m->list.count && !foreign; i++)
		foreign = m->list.entries[i].uid != NULL;
	return foreign;
}

/* All ids, and behind them those that were given to messages that are gone. */
struct claims {
	char (*ids)[MAIL_UID_MAX + 1];
	unsigned char *given;
	size_t n;
};

static void
claim(struct claims *claims, const char *uid, bool given)
{
	const size_t i = claims->n++;

	memcpy(claims->ids[i], uid, strlen(uid) + 1);
	if (given)
		claims->given[i / 8] |= (unsigned char)(1u << i % 8);
}

/* The id that the file has for a message; NULL if it has none. */
static const char *
recorded(const struct maildir *m, const struct maildir_entry *entry)
{
	const struct id_record *record = NULL;
	char key[ID_FILE_KEY_MAX + 1];

	copy_base(entry, key);
	/* It is not known of which of them it is. */
	if (m->ids.count > 0 && (entry->flags & MAILDIR_RIVAL) == 0)
		record = id_file_find(&m->ids, key);
	return record != NULL ? record->id : NULL;
}

/* Those that were given before come first, then those of messages that are gone. */
static void
claim_all(struct claims *claims, const struct maildir *m)
{
	char uid[MAIL_UID_MAX + 1];
	const struct maildir_entry *entry;

	for (size_t i = 0; i < m->list.count; i++) {
		const char *record;

		entry = &m->list.entries[i];
		record = recorded(m, entry);
		if (entry->uid == NULL)
			maildir_own_uid(m, i, uid);
		claim(claims, entry->uid != NULL ? entry->uid : uid,
			(entry->flags & MAILDIR_SETTLED) != 0 ||
				(record != NULL && entry->uid == record));
	}
	for (size_t r = 0; r < m->ids.count; r++) {
		entry = maildir_list_find(&m->list, m->ids.records[r].key);
		if (entry == NULL)
			claim(claims, m->ids.records[r].id, true);
	}
}

/* Give message i the id that is its own alone. */
static bool
take_claimed(struct maildir *m, size_t i, const char *claimed, struct id_file *fresh,
	bool *changed)
{
	struct maildir_entry *entry = &m->list.entries[i];
	const char *record = recorded(m, entry);
	char own[MAIL_UID_MAX + 1], key[ID_FILE_KEY_MAX + 1];

	maildir_own_uid(m, i, own);
	if (record == NULL && strcmp(own, claimed) == 0)
		return true;
	if (entry->uid == NULL || strcmp(entry->uid, claimed) != 0)
		entry->uid = maildir_list_keep(&m->list, claimed);
	if (entry->uid == NULL)
		return false;
	if ((record != NULL && strcmp(record, claimed) == 0) ||
		(entry->flags & MAILDIR_RIVAL) != 0)
		return true;
	*changed = true;
	copy_base(entry, key);
	return record != NULL ? id_file_replace(&m->ids, key, claimed)
			      : id_file_add(fresh, key, claimed);
}

static enum mail_status
take_all(struct maildir *m, const struct claims *claims, bool *changed)
{
	struct id_file fresh = {.records = NULL};
	bool good = true;

	for (size_t i = 0; i < m->list.count && good; i++)
		good = take_claimed(m, i, claims->ids[i], &fresh, changed);
	good = good && id_file_merge(&m->ids, &fresh);
	id_file_free(&fresh);
	return good ? MAIL_OK : ids_fail(m, "unique-ids", ENOMEM);
}

static enum mail_status
distinguish(struct maildir *m, bool *changed)
{
	const size_t n = m->list.count + m->ids.count;
	struct claims claims = {
		.ids = reallocarray(NULL, n, sizeof(*claims.ids)),
		.given = calloc(n / 8 + 1, 1),
	};
	enum mail_status status = MAIL_TEMP;

	if (claims.ids != NULL && claims.given != NULL) {
		claim_all(&claims, m);
		if (unique_id_distinguish(claims.ids, claims.n, claims.given))
			status = take_all(m, &claims, changed);
	}
	free(claims.ids);
	free(claims.given);
	return status;
}

/*
 * Ids of messages that are gone are kept for a while: mail that is moved to a folder and
 * back is the same mail.
 */
static bool
keep_living(const struct maildir *m, struct id_file *living)
{
	const size_t gone_max = m->list.count + 1000;

	for (size_t r = 0; r < m->ids.count; r++) {
		const struct id_record *record = &m->ids.records[r];

		if ((m->ids.count <= m->list.count + gone_max ||
			    maildir_list_find(&m->list, record->key) != NULL) &&
			!id_file_add(living, record->key, record->id))
			return false;
	}
	id_file_sort(living);
	return true;
}

static void
write_ids(struct maildir *m)
{
	struct id_file living = {.records = NULL};

	/* Who has the maildrop now may have given ids of its own. */
	if (session_lock_check(&m->lock) != MAIL_OK)
		return;
	errno = ENOMEM;
	id_file_sort(&m->ids);
	if (!keep_living(m, &living) ||
		!id_file_write(&living, m->root, MAILDIR_IDS, MAILDIR_IDS_FRESH))
		maildir_log(m, LOG_WARNING, "unique-ids cannot be kept, and may change",
			errno);
	id_file_free(&living);
}

enum mail_status
maildir_ids_settle(struct maildir *m)
{
	enum mail_status status = MAIL_OK;
	bool changed = false;

	if (m->root < 0 || m->list.count == 0)
		return MAIL_OK;
	/* Ids of an attempt that failed may stand in what is freed now. */
	for (size_t i = 0; i < m->list.count; i++)
		if ((m->list.entries[i].flags & MAILDIR_SETTLED) == 0)
			m->list.entries[i].uid = NULL;
	id_file_free(&m->ids);
	status = id_file_read(&m->ids, m->root, MAILDIR_IDS, m->options);
	if (status == MAIL_OK && (!m->ids.present || m->ids.damaged) &&
		m->options->uidl_source != IMPORT_OWN) {
		status = import_lists(m);
		changed = true;
	}
	if (status != MAIL_OK)
		return status;
	assign(m);
	if (m->options->uidl_source == IMPORT_X_UIDL)
		status = assign_headers(m);
	if (status == MAIL_OK && (has_foreign(m) || list_has_lookalike(&m->list)))
		status = distinguish(m, &changed);
	if (status != MAIL_OK)
		return status;
	if (changed)
		write_ids(m);
	for (size_t i = 0; i < m->list.count; i++)
		m->list.entries[i].flags |= MAILDIR_SETTLED;
	m->ids_settled = true;
	m->learned = true;
	return MAIL_OK;
}
