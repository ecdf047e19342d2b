#include "mailstore/mbox.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <syslog.h>
#include <unistd.h>

#include "mailstore/mbox_io.h"
#include "mailstore/mbox_journal.h"

/* What the bytes of the mbox say about a journal; see mbox_journal.h. */
enum verdict {
	VERDICT_ERROR,
	VERDICT_FINISHED, /* only the journal is left to remove */
	VERDICT_DAMAGED,  /* the journal is, so it was not used */
	VERDICT_ALIEN,    /* the journal is sound, but not of what is in the mbox */
	VERDICT_OLD,      /* the journal is of the first version, which nobody reads */
	VERDICT_REDO,
};

bool
mbox_recover_needed(const struct mbox *box)
{
	for (size_t i = 0; i < MBOX_PLACES; i++) {
		const struct mbox_place *place = &box->places[i];

		if (place->dirfd == -1)
			continue;
		if (faccessat(place->dirfd, place->journal, F_OK, AT_SYMLINK_NOFOLLOW) ==
				0 ||
			errno != ENOENT)
			return true;
	}
	return false;
}

/*
 * Open the journal, if there is one that we wrote: anybody might put a file of this name
 * into a mail directory of mode 1777.
 */
static enum mail_status
journal_open(const struct mbox *box, const struct mbox_place *place, int *fd)
{
	const int flags = O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC;
	struct stat st;

	*fd = -1;
	if (fstatat(place->dirfd, place->journal, &st, AT_SYMLINK_NOFOLLOW) != 0)
		return errno == ENOENT ? MAIL_OK : mbox_fail(box, "journal");
	if (!S_ISREG(st.st_mode) || st.st_uid != geteuid() || st.st_nlink != 1) {
		mbox_log(box, LOG_WARNING, "%s is not our file: ignored", place->journal);
		return MAIL_OK;
	}
	*fd = openat(place->dirfd, place->journal, flags);
	return *fd == -1 ? mbox_fail(box, "open the journal") : MAIL_OK;
}

/* Read the header and see that the tail is what it promises. */
static enum verdict
journal_read(const struct mbox *box, int fd, struct mbox_journal *journal)
{
	unsigned char header[MBOX_JOURNAL_HEADER], sum[CHECKSUM_SIZE];
	struct mbox_piece tail = {.fd = fd, .offset = MBOX_JOURNAL_TAIL};

	if (!mbox_io_read(fd, header, sizeof header, 0))
		return errno == ENODATA ? VERDICT_DAMAGED : VERDICT_ERROR;
	if (!mbox_journal_decode(journal, header))
		return mbox_journal_tail_at(header) == MBOX_JOURNAL_TAIL ? VERDICT_DAMAGED
									 : VERDICT_OLD;
	tail.length = journal->tail;
	if (!mbox_io_checksum(tail, mbox_journal_seed(journal), sum, box->lock))
		return errno == ENODATA ? VERDICT_DAMAGED : VERDICT_ERROR;
	return memcmp(sum, journal->tail_sum, sizeof sum) == 0 ? VERDICT_REDO
							       : VERDICT_DAMAGED;
}

/*
 * Neither device nor inode number is asked: a device may get another number when the
 * machine starts again, and a half rewritten mbox must be finished even if it was
 * copied to another disk.  What is in the file decides.
 */
static enum verdict
mbox_judge(const struct mbox *box, const struct mbox_journal *journal, uint64_t size)
{
	unsigned char mark[MBOX_JOURNAL_MARK], sum[CHECKSUM_SIZE];

	if (size < journal->size)
		return journal->done ? VERDICT_FINISHED : VERDICT_ALIEN;
	if (journal->done) {
		if (!mbox_io_read(
			    box->fd, mark, sizeof mark, journal->first + journal->tail))
			return VERDICT_ERROR;
		return memcmp(mark, journal->mark, sizeof mark) == 0 ? VERDICT_REDO
								     : VERDICT_FINISHED;
	}
	if (!mbox_io_checksum(mbox_journal_rest(box, journal), mbox_journal_seed(journal),
		    sum, box->lock))
		return VERDICT_ERROR;
	return memcmp(sum, journal->rest_sum, sizeof sum) == 0 ? VERDICT_REDO
							       : VERDICT_ALIEN;
}

/*
 * Mail was delivered behind the old end: commit a new journal with that mail at the end
 * of the tail.  The old one stands until then, so that this may be cut short as well.
 */
static enum mail_status
journal_extend(struct mbox *box, struct mbox_journal *journal, uint64_t size,
	const struct mbox_place **place, int *fd)
{
	const struct mbox_place *old_place = *place;
	uint64_t skip = 0;
	struct mbox_piece pieces[2] = {
		{*fd, MBOX_JOURNAL_TAIL, journal->tail},
		{box->fd, journal->size, 0},
	};
	enum mail_status status;
	int new_fd;

	/* Strange bytes stay; only empty lines of a deleted message may go. */
	if (journal->last_deleted && !mbox_journal_skip(box, journal->size, size, &skip))
		skip = 0;
	pieces[1].offset += skip;
	pieces[1].length = size - pieces[1].offset;
	journal->size = size;
	journal->last_deleted = journal->last_deleted && pieces[1].length == 0;
	status = mbox_journal_commit(box, journal, pieces, 2, place, &new_fd);
	if (status != MAIL_OK)
		return status;
	(void)close(*fd);
	*fd = new_fd;
	if (*place != old_place)
		return mbox_journal_remove(box, old_place);
	return MAIL_OK;
}

static enum mail_status
journal_redo(struct mbox *box, struct mbox_journal *journal, uint64_t size,
	const struct mbox_place *place, int *fd)
{
	enum mail_status status = MAIL_OK;

	mbox_log(box, LOG_NOTICE, "finishing an update that was cut short");
	if (size > journal->size)
		status = journal_extend(box, journal, size, &place, fd);
	if (status == MAIL_OK)
		status = mbox_journal_apply(box, journal, place, *fd);
	return status;
}

/*
 * The update may have been cut short in the middle, and another program may have moved
 * the torn mbox since, or rewritten what it made of it: then this has the only copy of
 * some mail.
 */
static enum mail_status
journal_save(const struct mbox *box, const struct mbox_place *place, const char *why,
	unsigned tail_at)
{
	char saved[NAME_MAX + 1];
	unsigned random;
	int n;

	if (getrandom(&random, sizeof random, 0) != (ssize_t)sizeof random)
		return mbox_fail(box, "random bytes");
	n = snprintf(saved, sizeof saved, "%s-saved-%08x", place->journal, random);
	if (n <= 0 || (size_t)n >= sizeof saved)
		errno = ENAMETOOLONG;
	else if (renameat(place->dirfd, place->journal, place->dirfd, saved) == 0 &&
		 fsync(place->dirfd) == 0) {
		mbox_log(box, LOG_ERR,
			"%s while a deletion was cut short: see whether mail is missing. "
			" %s has what was to stay, as an "
			"mbox behind its first %u octets",
			why, saved, tail_at);
		return MAIL_OK;
	}
	return mbox_fail(box, "save the journal");
}

static enum mail_status
place_recover(struct mbox *box, const struct mbox_place *place)
{
	struct mbox_journal journal;
	enum mail_status status;
	enum verdict verdict;
	struct stat st;
	int fd;

	status = journal_open(box, place, &fd);
	if (status != MAIL_OK || fd == -1)
		return status;
	verdict = journal_read(box, fd, &journal);
	if (verdict == VERDICT_REDO && fstat(box->fd, &st) != 0)
		verdict = VERDICT_ERROR;
	if (verdict == VERDICT_REDO)
		verdict = mbox_judge(box, &journal, (uint64_t)st.st_size);
	switch (verdict) {
	case VERDICT_ERROR:
		status = mbox_fail(box, "read the journal");
		break;
	case VERDICT_REDO:
		status = journal_redo(box, &journal, (uint64_t)st.st_size, place, &fd);
		break;
	case VERDICT_DAMAGED:
		mbox_log(box, LOG_WARNING, "removing a journal that is damaged");
		status = mbox_journal_remove(box, place);
		break;
	case VERDICT_ALIEN:
		status = journal_save(box, place, "another program changed the mbox",
			MBOX_JOURNAL_TAIL);
		break;
	case VERDICT_OLD:
		status = journal_save(
			box, place, "pop3d was replaced", MBOX_JOURNAL_TAIL_FIRST);
		break;
	case VERDICT_FINISHED:
		status = mbox_journal_remove(box, place);
		break;
	}
	(void)close(fd);
	return status;
}

enum mail_status
mbox_recover(struct mbox *box)
{
	enum mail_status status = MAIL_OK;

	for (size_t i = 0; status == MAIL_OK && i < MBOX_PLACES; i++)
		if (box->places[i].dirfd != -1)
			status = place_recover(box, &box->places[i]);
	return status;
}
