/*
 * What is known of messages before any of them is read: from the index, from names, or
 * because this session has read them already.
 */
#include <errno.h>
#include <syslog.h>

#include "mailstore/maildir.h"
#include "mailstore/maildir_ahead.h"
#include "mailstore/maildir_scan.h"

static enum mail_status
scan(struct maildir *m)
{
	const enum mail_status status =
		maildir_scan(&m->list, m->dirs, false, m->options);

	m->listed = status == MAIL_OK;
	if (m->listed)
		maildir_index_carry(m);
	return status;
}

enum mail_status
maildir_load(struct mailstore *store, size_t *count)
{
	struct maildir *m = (struct maildir *)store;
	enum mail_status status = MAIL_OK;

	*count = 0;
	if (m->root < 0)
		return MAIL_OK;
	m->listed = false;
	if (maildir_index_open(m)) {
		*count = (size_t)m->index.count;
		return MAIL_OK;
	}
	status = scan(m);
	if (status == MAIL_OK)
		*count = m->list.count;
	return status;
}

enum mail_status
maildir_need(struct maildir *m)
{
	enum mail_status status;

	if (m->listed || m->root < 0)
		return MAIL_OK;
	m->listed = maildir_index_list(m);
	if (m->listed)
		return MAIL_OK;
	status = scan(m);
	if (status != MAIL_OK || m->list.count == m->index.count)
		return status;
	m->listed = false;
	m->spoiled = true;
	return MAIL_CHANGED;
}

bool
maildir_total(struct mailstore *store, uint64_t *octets)
{
	const struct maildir *m = (const struct maildir *)store;

	if (m->listed || m->spoiled || m->root < 0 || m->index.octets == INDEX_UNKNOWN)
		return false;
	*octets = m->index.octets;
	return true;
}

enum mail_status
maildir_known_octets(struct mailstore *store, size_t i, uint64_t *octets)
{
	struct maildir *m = (struct maildir *)store;
	enum mail_status status = maildir_need(m);

	if (status != MAIL_OK)
		return status;
	if ((m->list.entries[i].flags & MAILDIR_COUNTED) == 0 && !maildir_claim(m, i))
		maildir_ahead(m, i);
	if ((m->list.entries[i].flags & MAILDIR_COUNTED) != 0) {
		*octets = m->list.entries[i].octets;
		return MAIL_OK;
	}
	maildir_ahead_begin(&m->pace);
	status = maildir_octets(store, i, octets);
	if (status != MAIL_OK)
		return status;
	maildir_ahead_end(&m->pace, *octets);
	m->learned = true;
	m->counted++;
	m->counted_octets += *octets;
	return MAIL_OK;
}

/* What a name claims is looked into before anybody relies on it. */
static enum mail_status
verify_claim(struct maildir *m, size_t i)
{
	struct maildir_entry *entry = &m->list.entries[i];
	const uint64_t claimed = entry->octets;
	enum mail_status status;
	uint64_t counted;

	if ((entry->flags & MAILDIR_TRUSTED) == 0)
		return MAIL_OK;
	entry->flags &= (uint16_t) ~(MAILDIR_COUNTED | MAILDIR_TRUSTED);
	m->learned = true;
	status = maildir_octets(&m->store, i, &counted);
	if (status != MAIL_OK || counted == claimed)
		return status;
	/* LIST has told the client something else; from now on it is right. */
	maildir_log_message(m, LOG_WARNING, i, "size in the name is wrong", EINVAL);
	return MAIL_GONE;
}

enum mail_status
maildir_known_open(struct mailstore *store, size_t i, struct mail_message **message)
{
	struct maildir *m = (struct maildir *)store;
	enum mail_status status = maildir_need(m);

	if (status == MAIL_OK)
		status = verify_claim(m, i);
	if (status == MAIL_OK)
		status = maildir_message_open(store, i, message);
	/* It stays so for this session; the next one counts it anew. */
	if (status == MAIL_CHANGED) {
		m->list.entries[i].size = MAILDIR_OTHER;
		m->learned = true;
	}
	return status;
}

/* Whether a session that marked nothing leaves everything as it is. */
static bool
nothing_to_do(const struct maildir *m, const unsigned char *deleted)
{
	if (m->listed || m->index.extra > 0)
		return false;
	for (size_t i = 0; i < m->index.count; i++)
		if ((deleted[i / 8] & (1u << i % 8)) != 0)
			return false;
	return true;
}

enum mail_status
maildir_known_update(
	struct mailstore *store, const unsigned char *deleted, size_t *removed)
{
	struct maildir *m = (struct maildir *)store;
	enum mail_status status;

	*removed = 0;
	if (m->root < 0 || nothing_to_do(m, deleted))
		return MAIL_OK;
	status = maildir_need(m);
	return status == MAIL_OK ? maildir_update(store, deleted, removed) : status;
}
