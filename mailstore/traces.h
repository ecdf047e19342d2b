/*
 * Files that pop3d keeps with a maildrop beside its mail, for the tools of an
 * administrator.
 */
#ifndef TRACES_H
#define TRACES_H

#include <stdbool.h>

#include "mailstore/mailstore.h"

enum mail_trace {
	MAIL_TRACE_LOCK,      /* the session lock's file, which stays */
	MAIL_TRACE_LOGIN,     /* the time of the last login, likewise */
	MAIL_TRACE_INDEX,     /* may be removed at any time */
	MAIL_TRACE_IDS,       /* unique-ids, which must not be */
	MAIL_TRACE_TEMPORARY, /* left by a session that was killed */
	MAIL_TRACE_JOURNAL,   /* of an mbox: an update that was cut short */
	MAIL_TRACE_SAVED,   /* of an mbox: a journal that did not fit, with mail in it */
	MAIL_TRACE_DOTLOCK, /* of an mbox: somebody's */
};

/* Called for each; false stops. */
typedef bool mail_trace_found(
	void *cookie, enum mail_trace trace, int dirfd, const char *name);

/*
 * Find the files of a store that open() has locked: so nobody else is making any now.
 * They are told by their names; what they are is for the caller to see.  False: a
 * directory cannot be read, with errno, or found() has stopped.
 */
bool mail_traces(struct mailstore *store, mail_trace_found *found, void *cookie);

#endif
