/*
 * The listener: accepts, limits, forks a monitor per connection, reaps.
 */
#ifndef LISTENER_H
#define LISTENER_H

#include "pop3d/options.h"
#include "pop3d/service.h"
#include "pop3d/startup.h"

/*
 * Serve the sockets until SIGTERM or SIGINT (0), or until idle where inetd waits.  In a
 * forked child it serves the connection and returns its exit status: the caller exits
 * with whatever comes.
 *
 * On SIGHUP, when the configuration file has changed for the better, and when a child
 * died of a crash signal, it executes the program again in its place, with its sockets
 * and the table of its children: connections never share a memory layout that someone
 * has probed.
 */
int listener_run(const struct startup *startup, const struct options *options,
	struct service *service);

#endif
