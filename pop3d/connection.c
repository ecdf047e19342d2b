#include "pop3d/connection.h"

#include <string.h>

#include "pop3d/clock.h"

/* There is no TLS in this process, so "tls" permits no one. */
static bool
permits_plaintext(const struct connection *connection)
{
	switch ((
		enum config_plaintext)connection->service->config->auth.plaintext_login) {
	case PLAINTEXT_ALWAYS:
		return true;
	case PLAINTEXT_LOCAL:
		return connection->peer.local;
	case PLAINTEXT_NEVER:
	case PLAINTEXT_TLS:
		break;
	}
	return false;
}

void
connection_init(struct connection *connection, struct service *service, int in, int out)
{
	memset(connection, 0, sizeof(*connection));
	connection->service = service;
	stream_init(&connection->stream, in, out);
	address_of_peer(in, &connection->peer);
	address_of_self(in, &connection->self);
	connection->plaintext = permits_plaintext(connection);
	connection->started = clock_now();
	connection->login_deadline = clock_after(service->config->limits.login_seconds);
}

static const char *
text_of(const struct address *address)
{
	return address->text[0] != '\0' ? address->text : "local";
}

void
connection_log_begin(const struct connection *connection, struct log_line *line,
	const char *event, const char *user)
{
	log_begin(line, event);
	if (user != NULL)
		log_text(line, "user", user);
	log_text(line, "rip", text_of(&connection->peer));
	log_text(line, "lip", text_of(&connection->self));
}
