/*
 * The monitor: one connection from its greeting to the end of its session.
 */
#ifndef MONITOR_H
#define MONITOR_H

#include "pop3d/connection.h"
#include "pop3d/endpoint.h"

/* A client, as who has accepted it hands it over. */
struct monitor_client {
	int in, out;
	struct endpoint endpoint;
	const struct proxy_header *header; /* what the environment says; NULL: nothing */
};

/*
 * Serve the connection on two descriptors and return the process's exit status (of
 * sysexits.h).  EX_SOFTWARE: some role crashed.  After a login this process has become
 * the mail user and can serve nothing else.
 */
int monitor_run(struct service *service, const struct monitor_client *client);

#endif
