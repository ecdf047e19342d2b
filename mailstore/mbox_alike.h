/*
 * Messages of an mbox by their own id (a hash of what delivery wrote), and what the file
 * of unique-ids has for each such id.  Messages that are the same octet for octet share
 * one; they are told from each other by their order.
 *
 * In the file stand, by the own id, the ids of messages that are alike or have another
 * id, in order; and by the own id with a '+' behind it the greatest one that any of them
 * was given, of which the message may be gone.
 */
#ifndef MBOX_ALIKE_H
#define MBOX_ALIKE_H

#include "mailstore/id_file.h"
#include "mailstore/mbox.h"

struct mbox_alike {
	const struct mbox *box;
	const struct id_file *file;
	size_t n;
	size_t *order; /* indices of messages, by own id, then by place */
	bool *used;    /* records of the file that are those of a message that is there */
};

/* The messages order[begin] to order[end - 1] are alike; start with zeroed memory. */
struct mbox_run {
	size_t begin, end;
	char own[MAIL_UID_MAX + 1];
	const struct id_record *record; /* the first one of this own id, or NULL */
	size_t records;                 /* how many there are */
	size_t greatest; /* number of an id of these, see unique_id_number(); 0: none */
};

/* What is borrowed must outlive it.  False: out of memory, there is nothing to free. */
bool mbox_alike_make(
	struct mbox_alike *alike, const struct mbox *box, const struct id_file *file);
void mbox_alike_free(struct mbox_alike *alike);

/* The next run; false if there is none. */
bool mbox_run_next(const struct mbox_alike *alike, struct mbox_run *run);

/*
 * All ids of the mbox are made: write the file anew, unless it says all there is to say.
 */
void mbox_alike_record(const struct mbox_alike *alike, struct mbox *box);

/* The unique-id that the bytes of a message make, whatever others are alike. */
void mbox_own_uid(const struct mbox_entry *entry, char uid[MAIL_UID_MAX + 1]);

#endif
