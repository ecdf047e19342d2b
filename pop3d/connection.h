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
#include "pop3d/proxy.h"
#include "pop3d/service.h"
#include "pop3d/stream.h"
#include "pop3d/tls/info.h"

struct connection {
	struct service *service;
	struct stream stream;
	struct address peer; /* the client, by the word of a proxy if that is believed */
	struct address self;
	struct address via; /* the proxy; with proxied only */
	bool proxied;
	bool health_check; /* of a proxy's own; worth no line in the log */
	bool xclient;      /* XCLIENT has been used */
	char session[PROXY_SESSION_MAX + 1]; /* the proxy's name for it; "": none */
	bool tls;                            /* inside TLS that ends in pop3d-tls */
	bool forwarded; /* TLS has ended in front of us, and that is believed */
	bool plain;     /* the client has come to the proxy without */
	struct tls_info info;
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

/* Draw the conclusions after peer, tls or forwarded have changed. */
void connection_settle(struct connection *connection);

/*
 * What somebody in front, who is trusted, said of the client.  Nothing that was known of
 * whom we took for it before is left.
 */
void connection_take_header(
	struct connection *connection, const struct proxy_header *header);

/* True if the peer itself may say for whom it speaks. */
bool connection_is_trusted(const struct connection *connection);

/* True if what the client does wrong makes it wait, see penalty.h. */
bool connection_pays(const struct connection *connection);

/* True if STLS, or XCLIENT, would be accepted now. */
bool connection_offers_stls(const struct connection *connection);
bool connection_offers_xclient(const struct connection *connection);

/* True if the configuration and the state of the connection permit a mechanism. */
bool connection_offers(
	const struct connection *connection, const struct auth_mechanism *mechanism);

/*
 * Begin a log line with what every event of a connection carries: user, rip and lip, and
 * session where a proxy has named it.
 */
void connection_log_begin(const struct connection *connection, struct log_line *line,
	const char *event, const char *user);

/* Add tls=no, or its version, cipher= and what else there is to say. */
void connection_log_tls(const struct connection *connection, struct log_line *line);

#endif
