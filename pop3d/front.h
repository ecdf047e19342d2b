/*
 * The front: the AUTHORIZATION state (RFC 1939 section 4), parsed where nothing can be
 * lost.
 */
#ifndef FRONT_H
#define FRONT_H

#include <sys/types.h>

#include "pop3d/connection.h"

/*
 * Be the front, in a process forked for it by `monitor`: never returns.  control leads to
 * the monitor, credentials to whichever auth process serves the attempt.
 */
_Noreturn void front_run(
	struct connection *connection, int control, int credentials, pid_t monitor);

#endif
