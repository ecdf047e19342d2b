/*
 * The journal of an update that has to move messages inside an mbox.
 *
 * An mbox is rewritten in place: a delivery agent that waits for its lock holds the file
 * open, and would write into an orphan if a new file took its name.  In place there is
 * a time when the file is neither the old nor the new mbox, so the bytes to come are
 * first written here.  The steps, each made durable before the next:
 *
 *	1. The journal is written under a temporary name and renamed.  From here on the
 *	   deletion will happen, whoever is killed.
 *	2. The tail (all that stays behind the first deleted message) is written to its
 *	   new place in the mbox, and a random mark behind it.
 *	3. The journal is marked as done.
 *	4. The mbox is cut behind the tail.
 *	5. The journal is removed.
 *
 * What the next session finds:
 *
 *	no journal: killed before 1 or after 5; the mbox is the old or the new one.
 *
 *	a journal not marked: killed before 4, so the mbox still has its old length, or
 *	more if mail was delivered since.  The bytes behind the random mark, which no
 *	step but 4 touches, say that this is the mbox meant.  Steps 2 to 5 are done
 *	again; it does no harm to do any of them twice.
 *
 *	the same, but those bytes are others: another program has changed the mbox, which
 *	may have been torn.  The journal is kept under another name and reported, for it
 *	may have the only copy of some mail.
 *
 *	a journal marked, and the random mark stands in the mbox: killed before 4 was
 *	done.  As before.
 *
 *	a journal marked, and no random mark: 4 was done.  What now stands behind the
 *	tail was delivered since; only 5 is left.  Random bytes are used here because a
 *	mail delivered twice could look like what was cut off.
 *
 * Mail that was delivered before step 4 by someone who saw the old length stands behind
 * it: before step 2 is done again, a new journal whose tail has that mail at its end
 * takes the place of the old one.
 *
 * A session may also come back from a long sleep when another host has taken it for dead
 * and done all this, and new mail stands where the mark would go.  Step 2 may then have
 * written what the other one wrote there; but before the mark, the cut, and the renaming
 * or removal of a journal a session sees that it still has the session lock, and before
 * the first two that the mbox still has the length that the journal speaks of.
 */
#ifndef MBOX_JOURNAL_H
#define MBOX_JOURNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "mailstore/mbox.h"
#include "mailstore/mbox_io.h"

/* The last of these octets is the mark of step 3. */
#define MBOX_JOURNAL_HEADER 104u
/* Where the tail begins: a long one is written past the page cache. */
#define MBOX_JOURNAL_TAIL MBOX_IO_UNIT
#define MBOX_JOURNAL_TAIL_FIRST 160u /* in the first version */
#define MBOX_JOURNAL_MARK 16u

struct mbox_journal {
	uint64_t size;     /* of the mbox before */
	uint64_t first;    /* where the tail goes to */
	uint64_t tail;     /* length of the tail */
	bool last_deleted; /* the message at the mbox's end is among the deleted */
	bool done;         /* step 3 */
	unsigned char mark[MBOX_JOURNAL_MARK];
	unsigned char tail_sum[CHECKSUM_SIZE];
	unsigned char rest_sum[CHECKSUM_SIZE]; /* from behind the mark to size */
};

void mbox_journal_encode(
	const struct mbox_journal *journal, unsigned char header[MBOX_JOURNAL_HEADER]);

/* false if it is damaged, does not make sense, or is of another version. */
bool mbox_journal_decode(
	struct mbox_journal *journal, const unsigned char header[MBOX_JOURNAL_HEADER]);

/*
 * Where the tail begins: at MBOX_JOURNAL_TAIL, but for a journal of the first version,
 * which is kept for somebody to look at.
 */
unsigned mbox_journal_tail_at(const unsigned char header[MBOX_JOURNAL_HEADER]);

/*
 * Step 1.  size, first and last_deleted are given, the pieces make the tail; the rest of
 * *journal is filled in.  *place is where the journal is that this one replaces, or NULL.
 * MAIL_OK: *fd is the journal, open for reading and writing, in **place; a long one is
 * read past the page cache.  MAIL_BUSY
 * (the session lock is lost) and MAIL_TEMP: logged, the mbox has not changed and will
 * not, but for what an old journal says.
 */
enum mail_status mbox_journal_commit(struct mbox *box, struct mbox_journal *journal,
	const struct mbox_piece *pieces, size_t n, const struct mbox_place **place,
	int *fd);

/*
 * The seed of both checksums, from the mark: what a sender has written cannot have been
 * made to share one.
 */
uint64_t mbox_journal_seed(const struct mbox_journal *journal);

/* Where the bytes are that rest_sum is of. */
struct mbox_piece mbox_journal_rest(
	const struct mbox *box, const struct mbox_journal *journal);

/*
 * Steps 2 to 5.  MAIL_TEMP: logged; the next session will have to do them.  MAIL_BUSY:
 * the session lock is lost, so another one has done them or will.
 */
enum mail_status mbox_journal_apply(struct mbox *box, const struct mbox_journal *journal,
	const struct mbox_place *place, int fd);

/* Step 5. */
enum mail_status mbox_journal_remove(
	const struct mbox *box, const struct mbox_place *place);

/*
 * Of the mbox of length size, [end, size) was delivered behind a message that is being
 * deleted.  The empty lines it may begin with are that message's: *skip is how many
 * octets.  false: what follows is no From_ line, so it is not mail (or cannot be read).
 */
bool mbox_journal_skip(
	const struct mbox *box, uint64_t end, uint64_t size, uint64_t *skip);

#endif
