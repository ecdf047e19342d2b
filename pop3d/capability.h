/*
 * The reply to CAPA (RFC 2449), the same in AUTHORIZATION and TRANSACTION.
 */
#ifndef CAPABILITY_H
#define CAPABILITY_H

#include "pop3d/connection.h"
#include "pop3d/output.h"

void capability_write(const struct connection *connection, struct output *output);

#endif
