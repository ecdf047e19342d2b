/*
 * A dotlock: the file NAME.lock beside the mbox NAME.  It is made under another name and
 * linked into place, so that it always holds our pid and host, and so that it works on
 * every version of NFS.  While it is held the other name, .NAME.pop3d-dot, stays: one
 * that is found later is of a session that died, and so is the dotlock it is linked to.
 *
 * Somebody else's dotlock is broken if it names a dead process of this host, or if it is
 * older than DOTLOCK_STALE by the clock of the file server.
 */
#ifndef DOTLOCK_H
#define DOTLOCK_H

#include "mailstore/mailstore.h"

#define DOTLOCK_STALE 300 /* seconds */

enum dotlock_result {
	DOTLOCK_TAKEN = 0,
	DOTLOCK_HELD,     /* by somebody who is alive, as far as one can tell */
	DOTLOCK_UNUSABLE, /* no right to create files here: others cannot expect one */
	DOTLOCK_ERROR,    /* logged */
};

/* Try once, without waiting.  The caller holds the session lock of the mbox. */
enum dotlock_result dotlock_try(
	int dirfd, const char *name, const struct mail_options *options);

/* Remove the dotlock that dotlock_try() took. */
void dotlock_release(int dirfd, const char *name, const struct mail_options *options);

#endif
