/*
 * The front: the AUTHORIZATION state (RFC 1939 section 4), parsed where nothing can be
 * lost.
 */
#ifndef FRONT_H
#define FRONT_H

#include <sys/types.h>

#include "pop3d/connection.h"

/*
 * How a front begins.  One that takes over from another, which has ended for STLS or
 * XCLIENT, greets nobody and counts on.
 */
struct front_start {
	int control;     /* leads to the monitor */
	int credentials; /* to whichever auth process serves the attempt */
	pid_t monitor;
	bool greet;
	uint32_t attempts; /* of the connection so far */
	uint32_t lines;    /* that the client has sent so far */
	uint32_t octets;
};

/* Be the front, in a process forked for it: never returns. */
_Noreturn void front_run(struct connection *connection, const struct front_start *start);

#endif
