/*
 * Putting TLS around a connection: its stream goes to a pop3d-tls, and what is said
 * inside becomes the stream.
 */
#ifndef TLS_START_H
#define TLS_START_H

#include <stdbool.h>
#include <sys/types.h>

#include "pop3d/connection.h"

struct tls_start {
	pid_t relay;      /* set: a child of this process, 0: the resident one's */
	bool crashed;     /* set on failure: it died of a signal */
	char detail[128]; /* set on failure: for the log */
};

/*
 * Run the handshake.  True: the connection's stream is inside TLS, its info is filled,
 * and this process no longer holds what leads to the network.  False: the connection is
 * of no use any more.
 */
bool tls_start(struct connection *connection, struct tls_start *start);

#endif
