#include "mailstore/mbox.h"
#include "mailstore/mbox_date.h"
#include "mailstore/mbox_from.h"
#include "mailstore/mbox_io.h"

/* entry is one of a message, whose From_ line may have changed under us. */
static bool
is_older(const struct mbox *box, const struct mbox_entry *entry, int64_t time)
{
	const size_t n = (size_t)(entry->start - entry->from);
	unsigned char line[MBOX_FROM_MAX];
	int64_t delivered;

	return mbox_io_read(box->fd, line, n, entry->from) &&
	       mbox_parse_hash(line, n) == entry->hash &&
	       mbox_date_latest(line, n, &delivered) && delivered < time;
}

enum mail_status
mbox_older(struct mailstore *store, int64_t time, unsigned char *bits)
{
	struct mbox *box = (struct mbox *)store;
	const enum mail_status status = mbox_need(box);

	if (status != MAIL_OK)
		return status;
	for (size_t i = 0; i < mbox_count(box); i++) {
		if (mbox_place_keep(box) == MAIL_BUSY)
			return MAIL_BUSY;
		if (is_older(box, &box->entries[i + box->hidden], time))
			bits[i / 8] |= (unsigned char)(1u << i % 8);
	}
	return MAIL_OK;
}
