#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <syslog.h>
#include <unistd.h>

#include "mailstore/mbox.h"
#include "mailstore/mbox_alike.h"
#include "mailstore/mbox_from.h"
#include "mailstore/mbox_io.h"

/* Where the stamps of index.h are; a file has four. */
enum stamp {
	STAMP_MBOX = 0,
	STAMP_IDS = 4,
	STAMP_UIDL = 8,
	STAMP_COVERED = 9, /* where the last entry ends, with its separator */
	STAMP_TAIL = 10,   /* a hash of what stands before that */
};

#define TAIL_SIZE 4096u
#define HEADER_SIZE 8192u
#define SAMPLES 16u /* From_ lines looked at before entries are believed */

static const uint64_t no_stamps[4];

/* How the file of ids looks. */
static void
ids_stamp(const struct mbox *box, uint64_t stamps[4])
{
	struct stat st;

	memset(stamps, 0, 4 * sizeof(*stamps));
	for (size_t i = 0; i < MBOX_PLACES; i++) {
		const struct mbox_place *place = &box->places[i];

		if (place->dirfd != -1 &&
			fstatat(place->dirfd, place->ids, &st, AT_SYMLINK_NOFOLLOW) == 0)
			index_stamp(stamps, &st);
	}
}

static bool
ids_are_same(const struct mbox *box)
{
	uint64_t stamps[4];

	ids_stamp(box, stamps);
	return (box->index.flags & INDEX_IDS) != 0 &&
	       memcmp(stamps, box->index.stamps + STAMP_IDS, sizeof(stamps)) == 0 &&
	       box->index.stamps[STAMP_UIDL] == box->options->uidl_source;
}

static bool
is_unchanged(const struct mbox *box)
{
	const uint64_t *stamps = box->index.stamps;
	uint64_t now[4];

	index_stamp(now, &box->seen);
	return (box->index.flags & INDEX_SURE) != 0 &&
	       memcmp(now, stamps + STAMP_MBOX, sizeof(now)) == 0 &&
	       stamps[STAMP_COVERED] == (uint64_t)box->seen.st_size &&
	       memcmp(stamps + STAMP_MBOX, no_stamps, sizeof(no_stamps)) != 0;
}

bool
mbox_index_open(struct mbox *box)
{
	index_close(&box->index);
	for (size_t i = 0; i < MBOX_PLACES; i++) {
		const struct mbox_place *place = &box->places[i];

		if (place->dirfd != -1 &&
			index_open(&box->index, INDEX_MBOX, place->dirfd, place->index,
				box->options->max_messages))
			break;
	}
	if (box->index.fd == -1 || box->fd == -1 ||
		mbox_file_stands(box, &box->seen) != MAIL_OK)
		return false;
	return is_unchanged(box) && box->index.extra <= 1;
}

static void
entry_encode(struct index_buffer *buffer, const struct mbox_entry *entry, const char *uid)
{
	index_put_number(buffer, entry->from, 8);
	index_put_number(buffer, entry->start - entry->from, 4);
	index_put_number(buffer, entry->length, 8);
	index_put_number(buffer, entry->header, 8);
	index_put_number(buffer, entry->octets, 8);
	index_put_number(buffer, entry->hash, 8);
	index_put(buffer, entry->id, sizeof(entry->id));
	index_put_number(buffer, entry->pseudo, 1);
	index_put_number(buffer, strlen(uid), 1);
	index_put(buffer, uid, strlen(uid));
}

/* False for an entry that cannot stand behind one that ends at `end`, in this file. */
static bool
entry_decode(struct index_cursor *cursor, uint64_t end, uint64_t size,
	struct mbox_entry *entry, char uid[MAIL_UID_MAX + 1])
{
	const unsigned char *id, *text;
	uint64_t line, n;

	*entry = (struct mbox_entry){.from = index_get_number(cursor, 8)};
	line = index_get_number(cursor, 4);
	entry->start = entry->from + line;
	entry->length = index_get_number(cursor, 8);
	entry->header = index_get_number(cursor, 8);
	entry->octets = index_get_number(cursor, 8);
	entry->hash = index_get_number(cursor, 8);
	id = index_get(cursor, sizeof(entry->id));
	entry->pseudo = index_get_number(cursor, 1) != 0;
	n = index_get_number(cursor, 1);
	text = index_get(cursor, (size_t)n);
	if (cursor->failed || n > MAIL_UID_MAX || line == 0 || line > MBOX_FROM_MAX ||
		entry->from < end || entry->from > size || line > size - entry->from ||
		entry->length > size - entry->start || entry->header > entry->length)
		return false;
	memcpy(entry->id, id, sizeof(entry->id));
	for (size_t i = 0; i < n; i++)
		if (text[i] < 0x21 || text[i] > 0x7E)
			return false;
	memcpy(uid, text, (size_t)n);
	uid[n] = '\0';
	return true;
}

static bool
list_decode(struct mbox *box, const unsigned char *body)
{
	struct index_cursor cursor = {.p = body, .left = (size_t)box->index.body_size};
	const bool ids = ids_are_same(box);
	char uid[MAIL_UID_MAX + 1];
	struct mbox_entry entry;
	uint64_t end = 0;

	while (cursor.left > 0 && mbox_count(box) <= box->index.count) {
		if (!entry_decode(&cursor, end, box->index.stamps[STAMP_COVERED], &entry,
			    uid) ||
			(entry.pseudo && box->n > 0) || !mbox_reserve(box, box->n + 1))
			return false;
		end = entry.start + entry.length;
		box->entries[box->n++] = entry;
		box->hidden += entry.pseudo;
		if (entry.pseudo || !ids || box->ids_known + 1 != mbox_count(box))
			continue;
		if (uid[0] == '\0')
			mbox_own_uid(&entry, uid);
		memcpy(box->ids[box->ids_known++], uid, sizeof(uid));
	}
	return mbox_count(box) == box->index.count && box->hidden == box->index.extra;
}

bool
mbox_index_list(struct mbox *box)
{
	unsigned char *body = index_body(&box->index);
	bool good;

	box->n = box->hidden = box->ids_known = 0;
	good = body != NULL && list_decode(box, body);
	free(body);
	if (!good)
		box->n = box->hidden = box->ids_known = 0;
	return good;
}

static bool
tail_hash(const struct mbox *box, uint64_t end, uint64_t *hash)
{
	unsigned char tail[TAIL_SIZE];
	const size_t n = end < sizeof(tail) ? (size_t)end : sizeof(tail);

	if (!mbox_io_read(box->fd, tail, n, end - n))
		return false;
	*hash = checksum_short(tail, n);
	return true;
}

/*
 * Whether an IMAP server keeps its data in the first message.  Those leave room in
 * headers and write fields into it later: nothing moves, but there are more lines to
 * send.
 */
static bool
imap_writes(const struct mbox *box)
{
	const struct mbox_entry *first = &box->entries[0];
	char header[HEADER_SIZE + 1];

	if (first->header > HEADER_SIZE ||
		!mbox_io_read(box->fd, header, (size_t)first->header, first->start))
		return true;
	header[first->header] = '\0';
	return memchr(header, '\0', (size_t)first->header) != NULL ||
	       strcasestr(header, "X-IMAP") != NULL;
}

/*
 * Whether the mbox seems to be what the entries were made of, with mail behind it at the
 * most.  Another program that rewrites a message moves those behind it; only changes that
 * make up for each other escape, and they do no harm: before a message is sent or removed
 * it is parsed (box->believed).
 */
static bool
still_begins_so(const struct mbox *box)
{
	const uint64_t covered = box->index.stamps[STAMP_COVERED];
	uint64_t hash;

	if (box->n == 0 || !tail_hash(box, covered, &hash) ||
		hash != box->index.stamps[STAMP_TAIL] ||
		mbox_file_check(box, box->n - 1) != MAIL_OK || imap_writes(box))
		return false;
	for (size_t k = 0; k < SAMPLES; k++)
		if (mbox_file_check(box, k * box->n / SAMPLES) != MAIL_OK)
			return false;
	return true;
}

void
mbox_index_resume(struct mbox *box, struct mbox_range *range)
{
	const uint64_t *stamps = box->index.stamps;
	const uint64_t size = (uint64_t)box->seen.st_size;

	*range = (struct mbox_range){.to = size};
	box->believed = 0;
	if (box->index.fd != -1 && stamps[STAMP_MBOX] == (uint64_t)box->seen.st_ino &&
		stamps[STAMP_COVERED] <= size && mbox_index_list(box) &&
		still_begins_so(box)) {
		/* It may have got an empty line that separates it from the next one. */
		range->from = box->entries[--box->n].from;
		range->before = box->n;
		box->believed = box->n;
		if (box->n == 0)
			box->hidden = 0;
		if (box->ids_known > mbox_count(box))
			box->ids_known = mbox_count(box);
		return;
	}
	box->n = box->hidden = box->ids_known = 0;
}

static void
forget(const struct mbox *box)
{
	for (size_t i = 0; i < MBOX_PLACES; i++)
		if (box->places[i].dirfd != -1)
			(void)unlinkat(box->places[i].dirfd, box->places[i].index, 0);
}

static void
list_encode(const struct mbox *box, struct index *index, struct index_buffer *buffer)
{
	const bool ids = box->ids_known == mbox_count(box);
	char own[MAIL_UID_MAX + 1];

	index->octets = 0;
	for (size_t i = 0; i < box->n; i++) {
		const struct mbox_entry *entry = &box->entries[i];
		const char *uid = "";

		if (i >= box->hidden) {
			index->octets += entry->octets;
			mbox_own_uid(entry, own);
			if (ids && strcmp(box->ids[i - box->hidden], own) != 0)
				uid = box->ids[i - box->hidden];
		}
		entry_encode(buffer, entry, uid);
	}
	index->count = mbox_count(box);
	index->extra = box->hidden;
	index->flags = (box->settled ? (uint32_t)INDEX_SURE : 0) |
		       (ids ? (uint32_t)INDEX_IDS : 0);
}

static void
write_somewhere(const struct mbox *box, const struct index *index,
	const struct index_buffer *buffer)
{
	errno = EACCES;
	for (size_t i = 0; i < MBOX_PLACES; i++) {
		const struct mbox_place *place = &box->places[i];

		if (place->dirfd != -1 &&
			index_write(index, buffer->bytes, buffer->n, place->dirfd,
				place->index, place->index_fresh))
			return;
	}
	mbox_log(box, LOG_DEBUG, "index not written: %s", strerror(errno));
}

void
mbox_index_save(struct mbox *box)
{
	struct index index = {.kind = INDEX_MBOX};
	struct index_buffer buffer = {.bytes = NULL};
	struct stat st;

	if (box->spoiled || (box->listed && box->n == 0 && box->index.fd != -1))
		forget(box);
	if (box->spoiled || !box->listed || !box->learned || box->n == 0)
		return;
	/* What is there now must be what the entries are of. */
	if (fstat(box->fd, &st) != 0 || !mbox_file_same(&st, &box->seen))
		return;
	index_stamp(index.stamps + STAMP_MBOX, &box->seen);
	ids_stamp(box, index.stamps + STAMP_IDS);
	index.stamps[STAMP_UIDL] = box->options->uidl_source;
	index.stamps[STAMP_COVERED] = box->covered;
	if (!tail_hash(box, box->covered, &index.stamps[STAMP_TAIL]))
		return;
	list_encode(box, &index, &buffer);
	if (!buffer.failed)
		write_somewhere(box, &index, &buffer);
	free(buffer.bytes);
}
