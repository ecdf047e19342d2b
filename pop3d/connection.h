/*
 * One client's connection, as every role of it knows it.
 */
#ifndef CONNECTION_H
#define CONNECTION_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "auth/mechanism.h"
#include "pop3d/address.h"
#include "pop3d/log.h"
#include "pop3d/service.h"
#include "pop3d/stream.h"

struct connection {
	struct service *service;
	struct stream stream;
	struct address peer;
	struct address self;
	bool secure;      /* nobody can listen in */
	char banner[320]; /* timestamp of the greeting for APOP, "" if there is none */
	bool plaintext;   /* a password may be sent as it is */
	int64_t started;  /* clock_now() */
	int64_t login_deadline;
};

/*
 * Describe the connection on two descriptors, make its timestamp, and set the login
 * deadline.
 */
void connection_init(
	struct connection *connection, struct service *service, int in, int out);

/* True if the configuration and the state of the connection permit a mechanism. */
bool connection_offers(
	const struct connection *connection, const struct auth_mechanism *mechanism);

/* Begin a log line with what every event of a connection carries: user and rip, lip. */
void connection_log_begin(const struct connection *connection, struct log_line *line,
	const char *event, const char *user);

#endif
