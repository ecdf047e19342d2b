#include "mailstore/ids_give.h"

#include <errno.h>
#include <string.h>
#include <syslog.h>
#include <unistd.h>

#include "mailstore/maildir.h"
#include "mailstore/mbox.h"
#include "mailstore/mbox_alike.h"

static enum mail_status
maildir_give(struct maildir *m, const char (*ids)[MAIL_UID_MAX + 1], size_t n)
{
	struct id_file file = {.records = NULL}, old = {.records = NULL};
	enum mail_status status = id_file_read(&old, m->root, MAILDIR_IDS, m->options);
	bool good = status == MAIL_OK && n == m->list.count;

	errno = ENOMEM;
	for (size_t i = 0; i < n && good; i++) {
		const struct maildir_entry *entry = &m->list.entries[i];
		char key[ID_FILE_KEY_MAX + 1];

		memcpy(key, entry->name, entry->base);
		key[entry->base] = '\0';
		good = id_file_add(&file, key, ids[i]);
	}
	/* Other records stay: no id of a message that is gone is given to another one. */
	good = good && id_file_merge(&file, &old) &&
	       id_file_write(&file, m->root, MAILDIR_IDS, MAILDIR_IDS_FRESH);
	if (!good && status == MAIL_OK) {
		maildir_log(m, LOG_ERR, "unique-ids cannot be kept", errno);
		status = MAIL_TEMP;
	}
	id_file_free(&file);
	id_file_free(&old);
	m->spoiled = true;
	return status;
}

/* Written to the place that is looked at first, if there is one there already. */
static enum mail_status
mbox_give(struct mbox *box, const char (*ids)[MAIL_UID_MAX + 1], size_t n)
{
	struct id_file file = {.records = NULL}, old = {.records = NULL};
	enum mail_status status = mbox_ids_read(box, &old);
	char key[MAIL_UID_MAX + 1];
	bool good = n == mbox_count(box);

	errno = ENOMEM;
	for (size_t i = 0; i < n && good; i++) {
		mbox_own_uid(&box->entries[i + box->hidden], key);
		good = id_file_add(&file, key, ids[i]);
	}
	good = good && id_file_merge(&file, &old);
	if (status == MAIL_OK && good && !mbox_ids_keep(box, &file))
		status = MAIL_TEMP;
	else if (status == MAIL_OK && !good)
		status = mbox_fail(box, "unique-ids");
	id_file_free(&file);
	id_file_free(&old);
	box->spoiled = true;
	return status;
}

enum mail_status
mail_ids_give(struct mailstore *store, const char (*ids)[MAIL_UID_MAX + 1], size_t n)
{
	const bool maildir = store->ops == &mailstore_maildir;
	const enum mail_status status = maildir ? maildir_need((struct maildir *)store)
						: mbox_need((struct mbox *)store);

	if (status == MAIL_OK && store->ops->keep(store) == MAIL_BUSY)
		return MAIL_BUSY;
	if (status != MAIL_OK)
		return status;
	return maildir ? maildir_give((struct maildir *)store, ids, n)
		       : mbox_give((struct mbox *)store, ids, n);
}

enum mail_status
mail_ids_copy(struct mailstore *from, struct mailstore *to)
{
	struct id_file file = {.records = NULL}, old = {.records = NULL};
	struct mbox *box = (struct mbox *)to;
	enum mail_status status = mbox_ids_read((struct mbox *)from, &file);

	/* Where something stands already that is looked at first it has to be replaced.
	 */
	if (status == MAIL_OK)
		status = mbox_ids_read(box, &old);
	if (status == MAIL_OK && file.present && !mbox_ids_keep(box, &file))
		status = MAIL_TEMP;
	id_file_free(&file);
	id_file_free(&old);
	return status;
}

static bool
file_forget(int dirfd, const char *name)
{
	return unlinkat(dirfd, name, 0) == 0 || errno == ENOENT;
}

enum mail_status
mail_ids_forget(struct mailstore *store)
{
	struct maildir *m = (struct maildir *)store;
	struct mbox *box = (struct mbox *)store;

	if (store->ops == &mailstore_maildir) {
		m->spoiled = true;
		if (m->root < 0 || file_forget(m->root, MAILDIR_IDS))
			return MAIL_OK;
		maildir_log(m, LOG_ERR, "unique-ids", errno);
		return MAIL_TEMP;
	}
	box->spoiled = true;
	for (size_t i = 0; i < MBOX_PLACES; i++)
		if (box->places[i].dirfd != -1 &&
			!file_forget(box->places[i].dirfd, box->places[i].ids))
			return mbox_fail(box, "unique-ids");
	return MAIL_OK;
}
