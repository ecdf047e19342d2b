#include <stdio.h>
#include <string.h>

#include "mailstore/maildir.h"
#include "mailstore/maildir_name.h"
#include "mailstore/unique_id.h"

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
 * Of messages with one base name, which file it is belongs to the id.  All of them get
 * such ids: any order of them could change, and then one would get the id of another.
 */
void
maildir_own_uid(const struct maildir *m, size_t i, char uid[MAIL_UID_MAX + 1])
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

enum mail_status
maildir_uid(struct mailstore *store, size_t i, char uid[MAIL_UID_MAX + 1])
{
	struct maildir *m = (struct maildir *)store;
	enum mail_status status = maildir_need(m);

	if (status == MAIL_OK && !m->ids_settled)
		status = maildir_ids_settle(m);
	if (status != MAIL_OK)
		return status;
	if (m->list.entries[i].uid != NULL)
		(void)snprintf(uid, MAIL_UID_MAX + 1, "%s", m->list.entries[i].uid);
	else
		maildir_own_uid(m, i, uid);
	return MAIL_OK;
}
