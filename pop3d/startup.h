/*
 * How pop3d was started: by whom, and with what on its descriptors.
 */
#ifndef STARTUP_H
#define STARTUP_H

#include <stdbool.h>

#include "pop3d/endpoint.h"

#define STARTUP_SOCKETS_MAX 64
#define STARTUP_FIRST_FD 3 /* systemd's SD_LISTEN_FDS_START */

enum startup_mode {
	STARTUP_CONNECTION, /* one client, on in and out */
	STARTUP_LISTENER,   /* listening sockets */
};

struct startup_socket {
	int fd;
	char name[ENDPOINT_NAME_MAX + 1]; /* "": nobody has named it */
};

/* What stunnel says of the client in the environment; "": nothing. */
struct startup_stunnel {
	char address[64];
	char port[8];
	char subject[512]; /* of the client's certificate */
};

struct startup {
	enum startup_mode mode;
	int in, out;
	char name[ENDPOINT_NAME_MAX + 1]; /* of a connection that was passed */
	struct startup_socket sockets[STARTUP_SOCKETS_MAX];
	int n; /* of sockets */
	struct startup_stunnel stunnel;
	bool wait; /* inetd "wait": exit when idle, so that inetd listens again */
	bool may_use_stderr; /* fd 2 does not lead to the client */
	char error[128];     /* "", or what cannot be served */
};

/*
 * Look at the descriptors and at the environment of systemd's socket activation
 * (sd_listen_fds(3)), then close every other descriptor and clear the environment.
 * serving is false where the command line says that 0 and 1 are no client's (-l, -t);
 * table is one more descriptor to keep, behind those passed, or -1.
 * Call first of all: until then anything printed might reach a client.
 */
void startup_detect(struct startup *startup, bool serving, int table);

/*
 * Open a listening socket on "ADDR:PORT" or "[ADDR]:PORT", numeric, perhaps with a name
 * and ':' in front, and add it.  False: startup->error says why.
 */
bool startup_listen(struct startup *startup, const char *text);

#endif
