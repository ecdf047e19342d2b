/*
 * The session: TRANSACTION and UPDATE states (RFC 1939 sections 5 and 6).
 */
#ifndef SESSION_H
#define SESSION_H

#include "auth/auth_module.h"
#include "pop3d/connection.h"

/*
 * Become the mail user, open the maildrop, answer the login and serve the session.
 * Returns the process's exit status.  mechanism is for the log.  crowded: the user has as
 * many sessions as one may have, and is told so.
 */
int session_run(struct connection *connection, const struct auth_identity *identity,
	const char *mechanism, bool crowded);

#endif
