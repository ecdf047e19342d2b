/*
 * What the files of the mbox driver share.  Private to it; see mailstore.h.
 *
 * A session holds the session lock all the time, the delivery locks only while load()
 * parses and update() rewrites.  Between them the file belongs to everybody, so whatever
 * is known about it is checked before it is used.
 */
#ifndef MBOX_H
#define MBOX_H

#include <limits.h>
#include <sys/stat.h>

#include "mailstore/delivery_lock.h"
#include "mailstore/id_file.h"
#include "mailstore/index.h"
#include "mailstore/mailstore.h"
#include "mailstore/mbox_parse.h"
#include "mailstore/octets.h"
#include "mailstore/session_lock.h"

/* A directory where files that belong to the mbox may stand. */
struct mbox_place {
	int dirfd; /* -1: not to be had */
	char lock[NAME_MAX + 1];
	char journal[NAME_MAX + 1];
	char fresh[NAME_MAX + 1]; /* a journal that is not yet valid */
	char index[NAME_MAX + 1];
	char index_fresh[NAME_MAX + 1];
	char ids[NAME_MAX + 1]; /* unique-ids, see id_file.h */
	char ids_fresh[NAME_MAX + 1];
	char login[NAME_MAX + 1]; /* see login_stamp.h */
};
#define MBOX_PLACES 2 /* beside the mbox; in the user's home */

/* A part of the file: from a From_ line, before which there are `before` messages. */
struct mbox_range {
	uint64_t from, to, before;
};

struct mbox;

struct mail_message {
	struct mbox *box;
	size_t i; /* index in box->entries */
	uint64_t done;
	struct octets sent;
};

struct mbox {
	struct mailstore store;
	const struct mail_options *options;
	char *path;                             /* as given, for the log */
	char name[NAME_MAX + 1];                /* last component of path */
	int dirfd;                              /* the directory it is in */
	int fd;                                 /* the mbox; -1 if there is none */
	struct session_lock locks[MBOX_PLACES]; /* the session lock in each place */
	struct mail_options quiet;              /* for them */
	bool died;                              /* perhaps the session before this one */
	bool left; /* files of a dotlock, which the next session should remove */
	struct delivery_lock *lock; /* while the mbox is locked, else NULL */
	struct mbox_place places[MBOX_PLACES];
	struct stat seen;           /* when it was parsed; seen.st_size was parsed */
	uint64_t covered;           /* where the last entry ends, with its separator */
	bool settled;               /* whatever was written since shows in a stat */
	bool listed;                /* entries are there; until then the index stands */
	struct mbox_entry *entries; /* with the pseudo message, if there is one */
	size_t n;
	size_t capacity;
	size_t hidden;                 /* 1 if there is a pseudo message, else 0 */
	char (*ids)[MAIL_UID_MAX + 1]; /* of the messages but the pseudo message */
	size_t ids_known;              /* how many of them are made */
	size_t ids_place;   /* where the file of them is; MBOX_PLACES: nowhere */
	size_t believed;    /* entries from the index, of a file that has changed since */
	struct index index; /* of an earlier session */
	bool learned; /* something worth keeping is known that the index does not have */
	bool spoiled; /* the index told something wrong */
	struct mail_message message;
};

/* How many messages there are for the client. */
static inline size_t
mbox_count(const struct mbox *box)
{
	return box->n - box->hidden;
}

/* Make room for entries and ids of n messages in all.  False: out of memory. */
bool mbox_reserve(struct mbox *box, size_t n);

/* See that the entries are there.  MAIL_CHANGED if the index lied. */
enum mail_status mbox_need(struct mbox *box);

/* One line for the administrator, with the path before it. */
void mbox_log(const struct mbox *box, int priority, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* Log what failed with errno; MAIL_TEMP. */
enum mail_status mbox_fail(const struct mbox *box, const char *what);

/* mbox_file.c: the mbox as a file. */

/* Fill in path, name and dirfd. */
enum mail_status mbox_file_locate(struct mbox *box, int dirfd, const char *path);

/* Open the mbox, if it is a file as it should be.  box->fd stays -1 if there is none. */
enum mail_status mbox_file_open(struct mbox *box);

/* Whether the path still leads to the file that is open; *st is of that. */
enum mail_status mbox_file_stands(const struct mbox *box, struct stat *st);

/* Whether nothing was written to the file between a and b. */
bool mbox_file_same(const struct stat *a, const struct stat *b);

/* Whether the From_ line of message i still is where it was.  MAIL_CHANGED if not. */
enum mail_status mbox_file_check(const struct mbox *box, size_t i);

/* Parse a part of the file.  MAIL_LIMIT if found() returned false. */
enum mail_status mbox_file_parse(const struct mbox *box, const struct mbox_range *range,
	mbox_parse_found *found, void *cookie);

/* Whether messages begin to end - 1, parsed anew, are what entries say; or MAIL_CHANGED.
 */
enum mail_status mbox_file_compare(const struct mbox *box, size_t begin, size_t end);

/* mbox_message.c: see mailstore_ops. */
enum mail_status mbox_message_open(
	struct mailstore *store, size_t i, struct mail_message **message);
enum mail_status mbox_message_read(
	struct mail_message *message, void *buf, size_t cap, size_t *n);
void mbox_message_close(struct mail_message *message);

/* mbox_place.c: files beside the mbox. */

/*
 * Open the places and take the session lock in each that allows it: which ones do may
 * change, and somebody else may see to that, but any two sessions have one in common.
 * Where no file can be made, and none is there yet, MAIL_TEMP: unlike a Maildir's, the
 * directory of an mbox is no lock, for other users' mail may be in it.
 */
enum mail_status mbox_place_lock(struct mbox *box, int dirfd);

/* The session lock is held: see login_stamp.h. */
enum mail_status mbox_place_login(const struct mbox *box);

/* See session_lock.h. */
enum mail_status mbox_place_keep(struct mbox *box);
enum mail_status mbox_place_check(struct mbox *box);

/*
 * To be called right before what would destroy new mail: whether the session lock is held
 * still, and the mbox, locked, has the size that it had.  MAIL_BUSY as before; MAIL_TEMP
 * if not, which was logged.
 */
enum mail_status mbox_place_still(struct mbox *box, uint64_t size);

/* The mbox is locked: box->lock, which refreshes the session lock as well. */
void mbox_place_attach(struct mbox *box, struct delivery_lock *lock);

/* Under the delivery locks: remove what a session left that was killed. */
void mbox_place_sweep(struct mbox *box);

/* Release the session lock. */
void mbox_place_close(struct mbox *box);

/* mbox_recover.c: finish or forget an update that was cut short. */

/* Whether there is a journal, so that the mbox must be locked exclusively. */
bool mbox_recover_needed(const struct mbox *box);

/* Under the exclusive delivery locks, before the mbox is looked at. */
enum mail_status mbox_recover(struct mbox *box);

/* mbox_index.c: the index. */

/* Open it.  True: the mbox is as it was, so that box->index stands for the entries. */
bool mbox_index_open(struct mbox *box);

/* Fill in entries and ids from the index.  False: it is damaged, there are none. */
bool mbox_index_list(struct mbox *box);

/*
 * The mbox, locked and of the size in box->seen, may have grown since the index was
 * written: fill in the entries that it still begins with.  *range is what is to be parsed
 * then; all of it if nothing is of use.
 */
void mbox_index_resume(struct mbox *box, struct mbox_range *range);

/* Keep what was learned for the next session. */
void mbox_index_save(struct mbox *box);

/* mbox_ids.c: unique-ids, see mailstore_ops. */
enum mail_status mbox_uid(struct mailstore *store, size_t i, char uid[MAIL_UID_MAX + 1]);

/* Make the ids of all messages, and keep what they do not tell themselves. */
enum mail_status mbox_ids_settle(struct mbox *box);

/* mbox_ids_file.c: the file of unique-ids. */

/* Read it from where it is. */
enum mail_status mbox_ids_read(struct mbox *box, struct id_file *file);

/*
 * Whatever ids were made must be found again; `file` is what is kept now.  false: it
 * cannot be, which was logged.
 */
bool mbox_ids_keep(struct mbox *box, const struct id_file *file);

/* mbox_age.c: see mailstore_ops. */
enum mail_status mbox_older(struct mailstore *store, int64_t time, unsigned char *bits);

/* mbox_update.c: see mailstore_ops. */
enum mail_status mbox_update(
	struct mailstore *store, const unsigned char *deleted, size_t *removed);

#endif
