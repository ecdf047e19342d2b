/*
 * The process that reads a PROXY header, before anything else is done with a connection.
 */
#ifndef PROXY_PROCESS_H
#define PROXY_PROCESS_H

#include "pop3d/connection.h"

/*
 * Run it and take what the header says into the connection.  NULL, or a word for the log
 * that says why the connection must be closed without a reply; *crashed: it died of a
 * signal.
 */
const char *proxy_process_run(
	struct connection *connection, enum proxy_versions versions, bool *crashed);

#endif
