#include "mailstore/mbox.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>
#include <unistd.h>

#include "mailstore/mbox_io.h"
#include "mailstore/mbox_journal.h"

static bool
is_marked(const unsigned char *deleted, size_t i)
{
	return (deleted[i / 8] & (1u << i % 8)) != 0;
}

/* i is an index in box->entries. */
static bool
is_deleted(const struct mbox *box, const unsigned char *deleted, size_t i)
{
	return i >= box->hidden && is_marked(deleted, i - box->hidden);
}

/* Where the bytes of message i end, with its separator. */
static uint64_t
entry_end(const struct mbox *box, size_t i)
{
	return i + 1 < box->n ? box->entries[i + 1].from : (uint64_t)box->seen.st_size;
}

/*
 * Whether the file still begins with what was parsed.  Every From_ line is looked at in
 * any case, for time stamps are coarse; if anything was written, all is parsed again.
 */
static enum mail_status
verify(const struct mbox *box, struct stat *st)
{
	enum mail_status status;

	status = mbox_file_stands(box, st);
	if (status != MAIL_OK)
		return status;
	if (st->st_size < box->seen.st_size)
		return MAIL_CHANGED;
	if (mbox_file_same(st, &box->seen) && box->believed == 0) {
		for (size_t i = 0; status == MAIL_OK && i < box->n; i++)
			status = mbox_file_check(box, i);
		return status;
	}
	return mbox_file_compare(box, 0, box->n);
}

/* The runs of bytes behind message `first` that stay; NULL if out of memory. */
static struct mbox_piece *
tail_list(const struct mbox *box, const unsigned char *deleted, size_t first, size_t runs,
	struct mbox_piece appended, size_t *n)
{
	struct mbox_piece *pieces = calloc(runs + 1, sizeof *pieces);

	*n = 0;
	if (pieces == NULL)
		return NULL;
	for (size_t i = first; i < box->n; i++) {
		const uint64_t from = box->entries[i].from;
		const uint64_t length = entry_end(box, i) - from;

		if (is_deleted(box, deleted, i))
			continue;
		if (is_deleted(box, deleted, i - 1))
			pieces[(*n)++] = (struct mbox_piece){box->fd, from, length};
		else
			pieces[*n - 1].length += length;
	}
	if (appended.length > 0)
		pieces[(*n)++] = appended;
	return pieces;
}

/* How many runs of kept messages come behind message `first`. */
static size_t
tail_runs(const struct mbox *box, const unsigned char *deleted, size_t first)
{
	size_t runs = 0;

	for (size_t i = first + 1; i < box->n; i++)
		runs += !is_deleted(box, deleted, i) && is_deleted(box, deleted, i - 1);
	return runs;
}

/*
 * What was delivered since the mbox was parsed.  If the last message goes, the bytes
 * behind it must be able to stand without it.
 */
static enum mail_status
appended_find(const struct mbox *box, bool last_deleted, uint64_t size,
	struct mbox_piece *appended)
{
	uint64_t skip = 0, end = (uint64_t)box->seen.st_size;

	if (last_deleted && size > end && !mbox_journal_skip(box, end, size, &skip)) {
		mbox_log(box, LOG_WARNING, "what was appended is no mail");
		return MAIL_CHANGED;
	}
	*appended = (struct mbox_piece){box->fd, end + skip, size - end - skip};
	return MAIL_OK;
}

/*
 * Everything is done in the file itself: a delivery agent that waits for the lock has
 * it open already, and would write into an orphan if another file took its name.
 */
static enum mail_status
rewrite(struct mbox *box, const unsigned char *deleted, uint64_t size)
{
	struct mbox_journal journal = {.size = size};
	const struct mbox_place *place = NULL;
	struct mbox_piece *pieces, appended;
	enum mail_status status;
	size_t first = 0, n, runs;
	int fd;

	while (!is_deleted(box, deleted, first))
		first++;
	journal.first = box->entries[first].from;
	journal.last_deleted = is_deleted(box, deleted, box->n - 1);
	status = appended_find(box, journal.last_deleted, size, &appended);
	if (status != MAIL_OK)
		return status;
	runs = tail_runs(box, deleted, first);
	if (runs == 0 && appended.length == 0) {
		/* The file system does this wholly or not at all: no journal. */
		status = mbox_place_still(box, size);
		if (status != MAIL_OK)
			return status;
		if (ftruncate(box->fd, (off_t)journal.first) != 0 || fsync(box->fd) != 0)
			return mbox_fail(box, "cut");
		return MAIL_OK;
	}
	pieces = tail_list(box, deleted, first, runs, appended, &n);
	if (pieces == NULL)
		return mbox_fail(box, "update");
	status = mbox_journal_commit(box, &journal, pieces, n, &place, &fd);
	free(pieces);
	if (status != MAIL_OK)
		return status;
	status = mbox_journal_apply(box, &journal, place, fd);
	(void)close(fd);
	return status;
}

/* The index stands for the entries. */
static bool
any_marked(const struct mbox *box, const unsigned char *deleted)
{
	for (size_t i = 0; i < box->index.count; i++)
		if (is_marked(deleted, i))
			return true;
	return false;
}

static size_t
count_marked(const struct mbox *box, const unsigned char *deleted)
{
	size_t n = 0;

	for (size_t i = box->hidden; i < box->n; i++)
		n += is_deleted(box, deleted, i);
	return n;
}

/* The entries of what is left, in the file as it is now. */
static void
entries_compact(struct mbox *box, const unsigned char *deleted)
{
	size_t kept = 0, known = 0;
	uint64_t cut = 0;

	for (size_t i = 0; i < box->n; i++) {
		struct mbox_entry *entry = &box->entries[kept];
		const uint64_t end = entry_end(box, i);

		if (is_deleted(box, deleted, i)) {
			cut += end - box->entries[i].from;
			continue;
		}
		if (i >= box->hidden && i - box->hidden < box->ids_known)
			memmove(box->ids[known++], box->ids[i - box->hidden],
				sizeof *box->ids);
		*entry = box->entries[i];
		entry->from -= cut;
		entry->start -= cut;
		kept++;
	}
	box->n = kept;
	box->ids_known = known;
	box->covered -= cut;
	box->settled = false;
	box->learned = true;
}

/*
 * A deletion brings no new mail: programs that tell so by the time of the last change,
 * being later than that of the last look, must not be misled.
 */
static void
keep_time(const struct mbox *box, const struct stat *before)
{
	const struct timespec times[2] = {{.tv_nsec = UTIME_OMIT}, before->st_mtim};

	if (futimens(box->fd, times) != 0)
		mbox_log(box, LOG_DEBUG, "time of the mbox: %s", strerror(errno));
}

/* The delivery locks are held. */
static enum mail_status
update_locked(struct mbox *box, const unsigned char *deleted)
{
	enum mail_status status;
	struct stat before;

	status = verify(box, &before);
	if (status == MAIL_OK)
		status = mbox_place_check(box);
	if (status != MAIL_OK)
		return status;
	status = rewrite(box, deleted, (uint64_t)before.st_size);
	if (status != MAIL_OK)
		return status;
	keep_time(box, &before);
	entries_compact(box, deleted);
	if (fstat(box->fd, &box->seen) != 0)
		box->spoiled = true;
	return MAIL_OK;
}

enum mail_status
mbox_update(struct mailstore *store, const unsigned char *deleted, size_t *removed)
{
	struct mbox *box = (struct mbox *)store;
	struct delivery_lock lock;
	enum mail_status status;
	size_t marked;
	sigset_t all, before;

	*removed = 0;
	if (!box->listed && !any_marked(box, deleted))
		return MAIL_OK;
	status = mbox_need(box);
	if (status != MAIL_OK)
		return status;
	marked = count_marked(box, deleted);
	if (marked == 0)
		return MAIL_OK;
	/* The ids of what stays may follow from what goes; UPDATE does not wait for them.
	 */
	if (marked < mbox_count(box))
		(void)mbox_ids_settle(box);
	status = delivery_lock_take(
		&lock, box->dirfd, box->name, box->fd, true, box->options);
	if (status != MAIL_OK)
		return status;
	/* To be stopped halfway is no disaster, but would be left to the next session. */
	(void)sigfillset(&all);
	if (sigprocmask(SIG_BLOCK, &all, &before) != 0) {
		(void)delivery_lock_release(&lock);
		return mbox_fail(box, "block signals");
	}
	mbox_place_attach(box, &lock);
	status = update_locked(box, deleted);
	box->lock = NULL;
	if (!delivery_lock_release(&lock))
		box->left = true;
	(void)sigprocmask(SIG_SETMASK, &before, NULL);
	if (status == MAIL_CHANGED)
		mbox_log(box, LOG_WARNING,
			"another program changed it during the session: nothing deleted");
	if (status != MAIL_OK) {
		box->spoiled = true;
		return status;
	}
	*removed = marked;
	if (mbox_count(box) > 0 && box->ids_known == mbox_count(box))
		(void)mbox_ids_settle(box);
	return MAIL_OK;
}
