/*
 * A dotlock: the file NAME.lock beside the mbox NAME.  It is made under another name and
 * linked into place, so that it always holds our pid and host, and so that it works on
 * every version of NFS.  The other name has random digits, for anybody may make files in
 * a mail directory of mode 1777, and is removed at once.
 *
 * Somebody else's dotlock (dotlock_stale.h) is broken if it names a dead process of this
 * host, or if nobody can be asked and it is older than DOTLOCK_STALE by the clock of the
 * file server.  To ask is kill(2) with signal 0, which a sandbox must let pass.
 */
#ifndef DOTLOCK_H
#define DOTLOCK_H

#include <limits.h>
#include <stdbool.h>
#include <sys/stat.h>

#include "mailstore/mailstore.h"

#define DOTLOCK_STALE 300 /* seconds */

enum dotlock_result {
	DOTLOCK_TAKEN = 0,
	DOTLOCK_HELD,     /* by somebody who is alive, as far as one can tell */
	DOTLOCK_UNUSABLE, /* no right to create files here, and nobody holds it */
	DOTLOCK_ERROR,    /* logged */
};

/* Only the functions below look inside. */
struct dotlock {
	const struct mail_options *options;
	int dirfd;
	const char *name;
	int fd;                   /* of the dotlock while we have it, else -1 */
	struct stat st;           /* what file it is */
	char lock[NAME_MAX + 1];  /* what others look for */
	char own[NAME_MAX + 1];   /* our own name of it */
	char aside[NAME_MAX + 1]; /* where a stale one goes */
	bool own_left;            /* the own name may still be there */
	bool left;                /* the lock or another file of ours is, and will be */
	bool logged;              /* why somebody else's cannot be broken */
};

/* Prepare to lock the mbox `name`.  What is borrowed must outlive *d. */
void dotlock_init(struct dotlock *d, int dirfd, const char *name,
	const struct mail_options *options);

/* Try once, without waiting.  The caller holds the session lock of the mbox. */
enum dotlock_result dotlock_try(struct dotlock *d);

/* Let the dotlock that dotlock_try() took look new, for those who go by its age. */
void dotlock_touch(const struct dotlock *d);

/*
 * Remove the dotlock, if dotlock_try() took it.  False: it, or a file of another name,
 * could not be removed; it should be taken and dotlock_sweep() be called some day.
 */
bool dotlock_release(struct dotlock *d);

/*
 * Whether sessions may have left such files although nothing else says so: when the power
 * goes out, what says so may be lost.  witness is a file that every session writes to.
 */
bool dotlock_sweep_due(int dirfd, const char *witness);

/*
 * Remove the files of other names that sessions of this user left when they died.  False:
 * some may be left.
 */
bool dotlock_sweep(int dirfd, const char *name);

#endif
