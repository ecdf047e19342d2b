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
};
#define MBOX_PLACES 2 /* beside the mbox; in the user's home */

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
	struct mbox_entry *entries; /* with the pseudo message, if there is one */
	size_t n;
	size_t capacity;
	size_t hidden;                 /* 1 if there is a pseudo message, else 0 */
	char (*ids)[MAIL_UID_MAX + 1]; /* made when first asked for */
	struct mail_message message;
};

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

/* Parse the first `size` bytes.  MAIL_LIMIT if found() returned false. */
enum mail_status mbox_file_parse(
	const struct mbox *box, uint64_t size, mbox_parse_found *found, void *cookie);

/* mbox_place.c: files beside the mbox. */

/*
 * Open the places and take the session lock in each that allows it: which ones do may
 * change, and somebody else may see to that, but any two sessions have one in common.
 */
enum mail_status mbox_place_lock(struct mbox *box, int dirfd);

/* See session_lock.h. */
enum mail_status mbox_place_keep(struct mbox *box);
enum mail_status mbox_place_check(struct mbox *box);

/* The mbox is locked: box->lock, which refreshes the session lock as well. */
void mbox_place_attach(struct mbox *box, struct delivery_lock *lock);

/* Under the delivery locks: remove what a session left that was killed. */
void mbox_place_sweep(const struct mbox *box);

/* Release the session lock. */
void mbox_place_close(struct mbox *box);

/* mbox_recover.c: finish or forget an update that was cut short. */

/* Whether there is a journal, so that the mbox must be locked exclusively. */
bool mbox_recover_needed(const struct mbox *box);

/* Under the exclusive delivery locks, before the mbox is looked at. */
enum mail_status mbox_recover(struct mbox *box);

/* mbox_update.c: see mailstore_ops. */
enum mail_status mbox_update(
	struct mailstore *store, const unsigned char *deleted, size_t *removed);

#endif
