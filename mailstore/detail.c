#include "mailstore/detail.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "mailstore/maildir.h"
#include "mailstore/maildir_scan.h"
#include "mailstore/mbox.h"
#include "mailstore/mbox_date.h"
#include "mailstore/mbox_io.h"

static const struct {
	char letter;
	unsigned flag;
} maildir_flags[] = {
	{'D', MAIL_FLAG_DRAFT},
	{'F', MAIL_FLAG_FLAGGED},
	{'R', MAIL_FLAG_ANSWERED},
	{'S', MAIL_FLAG_SEEN},
	{'T', MAIL_FLAG_DELETED},
};
#define MAILDIR_FLAGS (sizeof maildir_flags / sizeof *maildir_flags)

void
mail_detail_letters(unsigned flags, char letters[6])
{
	size_t n = 0;

	for (size_t i = 0; i < MAILDIR_FLAGS; i++)
		if ((flags & maildir_flags[i].flag) != 0)
			letters[n++] = maildir_flags[i].letter;
	letters[n] = '\0';
}

static unsigned
name_flags(const struct maildir_entry *entry)
{
	unsigned flags = entry->sub == MAILDIR_CUR ? MAIL_FLAG_OLD : 0;
	const char *info = entry->name + entry->base;

	if (strncmp(info, ":2,", 3) != 0)
		return flags;
	for (size_t i = 0; i < MAILDIR_FLAGS; i++)
		if (strchr(info + 3, maildir_flags[i].letter) != NULL)
			flags |= maildir_flags[i].flag;
	return flags;
}

static enum mail_status
maildir_get(struct maildir *m, size_t i, struct mail_detail *detail)
{
	enum mail_status status = maildir_need(m);
	const struct maildir_entry *entry;
	struct stat st;

	if (status != MAIL_OK)
		return status;
	entry = &m->list.entries[i];
	for (int tries = 0; tries < 2 && status == MAIL_OK; tries++) {
		if (fstatat(m->dirs[entry->sub], entry->name, &st, AT_SYMLINK_NOFOLLOW) ==
			0) {
			detail->delivered = st.st_mtim.tv_sec;
			detail->flags = name_flags(entry);
			detail->name_octets = strnlen(entry->name, MBOX_FROM_MAX);
			memcpy(detail->name, entry->name, detail->name_octets);
			detail->name[detail->name_octets] = '\0';
			return MAIL_OK;
		}
		if (errno != ENOENT)
			return maildir_errno_status(errno);
		if (tries == 0)
			status = maildir_scan(&m->list, m->dirs, true, m->options);
	}
	return status == MAIL_OK ? MAIL_GONE : status;
}

static enum mail_status
entry_get(const struct mbox *box, const struct mbox_entry *entry,
	struct mail_detail *detail)
{
	size_t n = (size_t)(entry->start - entry->from);

	if (n > MBOX_FROM_MAX)
		return MAIL_CHANGED;
	if (!mbox_io_read(box->fd, detail->name, n, entry->from))
		return errno == ENODATA ? MAIL_CHANGED : mbox_fail(box, "read");
	detail->from_octets = n;
	while (n > 0 && (detail->name[n - 1] == '\n' || detail->name[n - 1] == '\r'))
		n--;
	detail->name_octets = n;
	if (!mbox_date_read((const unsigned char *)detail->name, n, &detail->delivered))
		detail->delivered = 0;
	return MAIL_OK;
}

enum mail_status
mail_detail_pseudo(struct mailstore *store, struct mail_detail *detail,
	unsigned char *header, size_t cap, size_t *n)
{
	struct mbox *box = (struct mbox *)store;
	enum mail_status status;

	if (store->ops != &mailstore_mbox)
		return MAIL_GONE;
	status = mbox_need(box);
	if (status == MAIL_OK && box->hidden == 0)
		status = MAIL_GONE;
	if (status == MAIL_OK)
		status = entry_get(box, &box->entries[0], detail);
	if (status != MAIL_OK)
		return status;
	*n = box->entries[0].header < cap ? (size_t)box->entries[0].header : cap;
	if (mbox_io_read(box->fd, header, *n, box->entries[0].start))
		return MAIL_OK;
	return errno == ENODATA ? MAIL_CHANGED : mbox_fail(box, "read");
}

enum mail_status
mail_detail_get(struct mailstore *store, size_t i, struct mail_detail *detail)
{
	enum mail_status status;
	struct mbox *box;

	detail->delivered = 0;
	detail->flags = 0;
	detail->name_octets = detail->from_octets = 0;
	if (store->ops == &mailstore_maildir)
		return maildir_get((struct maildir *)store, i, detail);
	box = (struct mbox *)store;
	status = mbox_need(box);
	return status == MAIL_OK ? entry_get(box, &box->entries[i + box->hidden], detail)
				 : status;
}
