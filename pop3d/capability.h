/*
 * The reply to CAPA (RFC 2449), the same in AUTHORIZATION and TRANSACTION but for STLS,
 * which is listed only where it would be accepted (RFC 2595 section 4).
 */
#ifndef CAPABILITY_H
#define CAPABILITY_H

#include "pop3d/connection.h"
#include "pop3d/output.h"

enum capability_state { CAPABILITY_AUTHORIZATION, CAPABILITY_TRANSACTION };

void capability_write(const struct connection *connection, enum capability_state state,
	struct output *output);

#endif
