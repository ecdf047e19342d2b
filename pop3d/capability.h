/*
 * The reply to CAPA (RFC 2449), the same in AUTHORIZATION and TRANSACTION but for STLS,
 * which is listed only where it would be accepted (RFC 2595 section 4), and for what
 * LOGIN-DELAY and EXPIRE say of one user or of all.
 */
#ifndef CAPABILITY_H
#define CAPABILITY_H

#include "pop3d/connection.h"
#include "pop3d/mail_policy.h"
#include "pop3d/output.h"

enum capability_state { CAPABILITY_AUTHORIZATION, CAPABILITY_TRANSACTION };

/* policy: of all users before a login, of the one user after it. */
void capability_write(const struct connection *connection, enum capability_state state,
	const struct mail_policy *policy, struct output *output);

#endif
