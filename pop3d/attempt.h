/*
 * One login attempt, as the monitor sees it: fork an auth process, wait for its verdict.
 */
#ifndef ATTEMPT_H
#define ATTEMPT_H

#include <stdbool.h>
#include <stdint.h>

#include "auth/mechanism.h"
#include "pop3d/connection.h"
#include "pop3d/verdict.h"

enum attempt_status {
	ATTEMPT_DONE = 0,  /* *verdict is filled, if only with RESULT_TEMPFAIL */
	ATTEMPT_ABANDONED, /* the front spoke or went away meanwhile */
};

struct attempt {
	struct connection *connection;
	const struct auth_mechanism *mechanism;
	uint32_t number;
	int control;     /* the monitor's end of its channel to the front */
	int credentials; /* the auth process's end of its channel to the front */
	bool crashed;    /* set: the auth process died of a signal */
	int keeper; /* set: channel to an auth process that is kept, or -1; see hold */
};

enum attempt_status attempt_run(struct attempt *attempt, struct verdict *verdict);

/*
 * Let time pass until the deadline, so that every failed attempt takes equally long.
 * ATTEMPT_ABANDONED as soon as the front goes away.
 */
enum attempt_status attempt_delay(const struct attempt *attempt, int64_t deadline);

#endif
