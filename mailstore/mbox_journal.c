#include "mailstore/mbox_journal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "mailstore/mbox_from.h"

/* Numbers are little-endian.  The header's checksum covers what stands before it. */
enum field {
	FIELD_MAGIC = 0,
	FIELD_SIZE = 8,
	FIELD_FIRST = 16,
	FIELD_TAIL = 24,
	FIELD_LAST = 32,
	FIELD_MARK = 40,
	FIELD_TAIL_SUM = 56,
	FIELD_REST_SUM = 72,
	FIELD_SUM = 88,
	FIELD_DONE = 103,
};

/* The character behind it is the version. */
static const unsigned char magic[7] = {'p', 'o', 'p', '3', 'd', 'm', 'j'};
#define VERSION '3'
#define VERSION_FIRST '1'

static void
number_put(unsigned char *p, uint64_t value)
{
	for (size_t i = 0; i < 8; i++)
		p[i] = (unsigned char)(value >> (8 * i));
}

static uint64_t
number_get(const unsigned char *p)
{
	uint64_t value = 0;

	for (size_t i = 8; i-- > 0;)
		value = value << 8 | p[i];
	return value;
}

void
mbox_journal_encode(
	const struct mbox_journal *journal, unsigned char header[MBOX_JOURNAL_HEADER])
{
	memset(header, 0, MBOX_JOURNAL_HEADER);
	memcpy(header + FIELD_MAGIC, magic, sizeof magic);
	header[FIELD_MAGIC + sizeof magic] = VERSION;
	number_put(header + FIELD_SIZE, journal->size);
	number_put(header + FIELD_FIRST, journal->first);
	number_put(header + FIELD_TAIL, journal->tail);
	header[FIELD_LAST] = journal->last_deleted;
	memcpy(header + FIELD_MARK, journal->mark, sizeof journal->mark);
	memcpy(header + FIELD_TAIL_SUM, journal->tail_sum, sizeof journal->tail_sum);
	memcpy(header + FIELD_REST_SUM, journal->rest_sum, sizeof journal->rest_sum);
	number_put(header + FIELD_SUM, checksum_short(header, FIELD_SUM));
	header[FIELD_DONE] = journal->done;
}

unsigned
mbox_journal_tail_at(const unsigned char header[MBOX_JOURNAL_HEADER])
{
	return memcmp(header + FIELD_MAGIC, magic, sizeof magic) == 0 &&
			       header[FIELD_MAGIC + sizeof magic] == VERSION_FIRST
		       ? MBOX_JOURNAL_TAIL_FIRST
		       : MBOX_JOURNAL_TAIL;
}

bool
mbox_journal_decode(
	struct mbox_journal *journal, const unsigned char header[MBOX_JOURNAL_HEADER])
{
	if (header[FIELD_MAGIC + sizeof magic] != VERSION ||
		number_get(header + FIELD_SUM) != checksum_short(header, FIELD_SUM) ||
		memcmp(header + FIELD_MAGIC, magic, sizeof magic) != 0)
		return false;
	journal->size = number_get(header + FIELD_SIZE);
	journal->first = number_get(header + FIELD_FIRST);
	journal->tail = number_get(header + FIELD_TAIL);
	journal->last_deleted = header[FIELD_LAST] != 0;
	journal->done = header[FIELD_DONE] != 0;
	memcpy(journal->mark, header + FIELD_MARK, sizeof journal->mark);
	memcpy(journal->tail_sum, header + FIELD_TAIL_SUM, sizeof journal->tail_sum);
	memcpy(journal->rest_sum, header + FIELD_REST_SUM, sizeof journal->rest_sum);
	/* The mark must fit between the new end and the old one. */
	return journal->size <= INT64_MAX && journal->first <= journal->size &&
	       journal->tail <= journal->size - journal->first &&
	       journal->size - journal->first - journal->tail >= MBOX_JOURNAL_MARK;
}

uint64_t
mbox_journal_seed(const struct mbox_journal *journal)
{
	return number_get(journal->mark);
}

struct mbox_piece
mbox_journal_rest(const struct mbox *box, const struct mbox_journal *journal)
{
	const uint64_t offset = journal->first + journal->tail + MBOX_JOURNAL_MARK;

	return (struct mbox_piece){box->fd, offset, journal->size - offset};
}

/* A short one is as cheap in the page cache. */
static void
tail_uncached(const struct mbox_journal *journal, int fd)
{
	if (journal->tail >= MBOX_IO_BLOCK)
		mbox_io_uncached(fd);
}

static bool
tail_fill(const struct mbox *box, struct mbox_journal *journal,
	const struct mbox_piece *pieces, size_t n, int fd)
{
	struct checksum *sum = checksum_new();
	bool ok = sum != NULL;
	int error;

	if (ok) {
		checksum_begin(sum, mbox_journal_seed(journal));
		tail_uncached(journal, fd);
		ok = mbox_io_copy(pieces, n, fd, MBOX_JOURNAL_TAIL, sum, box->lock);
	}
	if (ok)
		checksum_end(sum, journal->tail_sum);
	error = errno;
	(void)mbox_io_cached(fd);
	checksum_free(sum);
	errno = error;
	return ok;
}

/* The header goes last: its checksums are known only then. */
static bool
journal_fill(const struct mbox *box, struct mbox_journal *journal,
	const struct mbox_piece *pieces, size_t n, int fd)
{
	unsigned char header[MBOX_JOURNAL_HEADER];

	journal->done = false;
	if (getrandom(journal->mark, sizeof journal->mark, 0) !=
			(ssize_t)sizeof journal->mark ||
		!tail_fill(box, journal, pieces, n, fd) ||
		!mbox_io_checksum(mbox_journal_rest(box, journal),
			mbox_journal_seed(journal), journal->rest_sum, box->lock))
		return false;
	mbox_journal_encode(journal, header);
	return mbox_io_write(fd, header, sizeof header, 0) && fsync(fd) == 0;
}

/* A journal in the making that is found is of a session that died: we hold its lock. */
static int
fresh_open(const struct mbox_place *place)
{
	if (unlinkat(place->dirfd, place->fresh, 0) != 0 && errno != ENOENT)
		return -1;
	return openat(place->dirfd, place->fresh,
		O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
}

/*
 * Nobody knows which journal a crash would leave, so nothing may be done yet.  One that
 * replaced another stays, for it is needed; else none may, or the next session would do
 * what this one has to refuse.
 */
static void
place_revoke(const struct mbox *box, const struct mbox_place *place, bool replaces)
{
	(void)mbox_fail(box, "sync the journal's directory");
	if (!replaces && (unlinkat(place->dirfd, place->journal, 0) != 0 ||
				 fsync(place->dirfd) != 0))
		(void)mbox_fail(box, "remove the journal");
}

/* Whether a file may be better off in another place. */
static bool
error_is_of_place(int error)
{
	return error == EACCES || error == EPERM || error == EROFS || error == ENOSPC ||
	       error == EDQUOT;
}

/* What is renamed or removed must not be another session's. */
static bool
still_ours(struct mbox *box)
{
	if (mbox_place_check(box) == MAIL_OK)
		return true;
	errno = ECANCELED;
	return false;
}

/* The journal in this place, or -1 with errno. */
static int
place_commit(struct mbox *box, const struct mbox_place *place,
	struct mbox_journal *journal, const struct mbox_piece *pieces, size_t n,
	bool replaces)
{
	int fd = fresh_open(place);
	int error;

	if (fd == -1)
		return -1;
	if (!journal_fill(box, journal, pieces, n, fd) || !still_ours(box) ||
		renameat(place->dirfd, place->fresh, place->dirfd, place->journal) != 0) {
		error = errno;
		(void)unlinkat(place->dirfd, place->fresh, 0);
	} else if (fsync(place->dirfd) != 0) {
		place_revoke(box, place, replaces);
		/* Not to be mended in another place. */
		error = EIO;
	} else
		return fd;
	(void)close(fd);
	errno = error;
	return -1;
}

enum mail_status
mbox_journal_commit(struct mbox *box, struct mbox_journal *journal,
	const struct mbox_piece *pieces, size_t n, const struct mbox_place **place,
	int *fd)
{
	const bool replaces = *place != NULL;

	journal->tail = 0;
	for (size_t i = 0; i < n; i++)
		journal->tail += pieces[i].length;
	errno = EACCES;
	for (size_t i = 0; i < MBOX_PLACES; i++) {
		*place = &box->places[i];
		if ((*place)->dirfd == -1)
			continue;
		*fd = place_commit(box, *place, journal, pieces, n, replaces);
		if (*fd != -1) {
			tail_uncached(journal, *fd);
			return MAIL_OK;
		}
		if (!error_is_of_place(errno))
			break;
	}
	if (mbox_place_keep(box) == MAIL_BUSY)
		return MAIL_BUSY;
	return mbox_fail(box, "write the journal");
}

enum mail_status
mbox_journal_remove(const struct mbox *box, const struct mbox_place *place)
{
	if (unlinkat(place->dirfd, place->journal, 0) != 0 && errno != ENOENT)
		return mbox_fail(box, "remove the journal");
	if (fsync(place->dirfd) != 0)
		return mbox_fail(box, "sync the journal's directory");
	return MAIL_OK;
}

/* Step 2. */
static enum mail_status
tail_write(struct mbox *box, const struct mbox_journal *journal, int fd)
{
	const struct mbox_piece tail = {fd, MBOX_JOURNAL_TAIL, journal->tail};
	const uint64_t end = journal->first + journal->tail;
	const bool ok = mbox_io_copy(&tail, 1, box->fd, journal->first, NULL, box->lock);
	enum mail_status status;

	(void)mbox_io_cached(fd);
	if (!ok)
		return mbox_place_keep(box) == MAIL_BUSY ? MAIL_BUSY
							 : mbox_fail(box, "rewrite");
	status = mbox_place_still(box, journal->size);
	if (status != MAIL_OK)
		return status;
	if (!mbox_io_write(box->fd, journal->mark, sizeof journal->mark, end) ||
		fsync(box->fd) != 0)
		return mbox_fail(box, "rewrite");
	return MAIL_OK;
}

enum mail_status
mbox_journal_apply(struct mbox *box, const struct mbox_journal *journal,
	const struct mbox_place *place, int fd)
{
	const uint64_t end = journal->first + journal->tail;
	static const unsigned char done = 1;
	enum mail_status status;

	status = tail_write(box, journal, fd);
	if (status != MAIL_OK)
		return status;
	if (!mbox_io_write(fd, &done, sizeof done, FIELD_DONE) || fsync(fd) != 0)
		return mbox_fail(box, "mark the journal");
	status = mbox_place_still(box, journal->size);
	if (status != MAIL_OK)
		return status;
	if (ftruncate(box->fd, (off_t)end) != 0 || fsync(box->fd) != 0)
		return mbox_fail(box, "cut");
	status = mbox_place_check(box);
	return status == MAIL_OK ? mbox_journal_remove(box, place) : status;
}

bool
mbox_journal_skip(const struct mbox *box, uint64_t end, uint64_t size, uint64_t *skip)
{
	unsigned char text[4 + MBOX_FROM_MAX];
	const unsigned char *line;
	size_t n = size - end < sizeof text ? (size_t)(size - end) : sizeof text;
	size_t i = 0;

	if (!mbox_io_read(box->fd, text, n, end))
		return false;
	for (;;) {
		if (i < n && text[i] == '\n')
			i++;
		else if (i + 1 < n && text[i] == '\r' && text[i + 1] == '\n')
			i += 2;
		else
			break;
	}
	*skip = i;
	if (i == n)
		return n == size - end;
	line = memchr(text + i, '\n', n - i);
	return line != NULL && mbox_from_valid(text + i, (size_t)(line - text) - i + 1);
}
