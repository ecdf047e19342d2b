#include <errno.h>
#include <string.h>
#include <syslog.h>
#include <unistd.h>

#include "mailstore/mbox.h"

/*
 * The home is looked at first: what stands there was written because beside the mbox it
 * could not be, and what stands beside it then is older.
 */
enum mail_status
mbox_ids_read(struct mbox *box, struct id_file *file)
{
	box->ids_place = MBOX_PLACES;
	for (size_t i = MBOX_PLACES; i-- > 0;) {
		const struct mbox_place *place = &box->places[i];
		enum mail_status status;

		if (place->dirfd == -1)
			continue;
		status = id_file_read(file, place->dirfd, place->ids, box->options);
		if (status != MAIL_OK)
			return status;
		if (file->present) {
			box->ids_place = i;
			break;
		}
	}
	return MAIL_OK;
}

static bool
write_to(const struct mbox *box, size_t i, const struct id_file *file)
{
	const struct mbox_place *place = &box->places[i];

	return place->dirfd != -1 &&
	       id_file_write(file, place->dirfd, place->ids, place->ids_fresh);
}

bool
mbox_ids_keep(struct mbox *box, const struct id_file *file)
{
	/* Who has the maildrop now may have given ids of its own. */
	if (mbox_place_check(box) != MAIL_OK)
		return false;
	errno = EACCES;
	if (box->ids_place < MBOX_PLACES && write_to(box, box->ids_place, file))
		return true;
	for (size_t i = 0; i < MBOX_PLACES; i++)
		if (write_to(box, i, file)) {
			box->ids_place = i;
			return true;
		}
	mbox_log(box, LOG_WARNING, "unique-ids cannot be kept, and may change: %s",
		strerror(errno));
	return false;
}
