/*
 * The auth process: one login attempt.
 */
#ifndef AUTHENTICATOR_H
#define AUTHENTICATOR_H

#include <stdint.h>
#include <sys/types.h>

#include "auth/mechanism.h"
#include "pop3d/connection.h"

struct authenticator {
	struct connection *connection;
	const struct auth_mechanism *mechanism;
	uint32_t attempt; /* messages of the front with a lower number are leftovers */
	/* PARTS_NONE, of a mechanism of one message: that is taken only once answered. */
	enum service_parts parts;
	int credentials; /* channel to the front */
	int verdict;     /* channel to the monitor */
	pid_t monitor;
};

/* Be the auth process, in a process forked for it: never returns. */
_Noreturn void authenticator_run(const struct authenticator *authenticator);

#endif
