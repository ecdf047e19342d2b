#include "pop3d/connection.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

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

static bool
is_listed(const char *words, const char *word)
{
	size_t length = strlen(word);

	while (*words != '\0') {
		size_t n = strcspn(words, " ");
		if (n == length && memcmp(words, word, n) == 0)
			return true;
		words += n + strspn(words + n, " ");
	}
	return false;
}

bool
connection_offers(
	const struct connection *connection, const struct auth_mechanism *mechanism)
{
	if (!is_listed(connection->service->config->auth.mechanisms, mechanism->name))
		return false;
	if ((mechanism->flags & MECHANISM_PLAINTEXT) != 0 && !connection->plaintext)
		return false;
	if ((mechanism->flags & MECHANISM_NEEDS_TLS) != 0 && !connection->secure)
		return false;
	/* Neither a channel to bind to nor a certificate is there without TLS. */
	return (mechanism->flags & MECHANISM_BINDING) == 0 &&
	       mechanism->proof != AUTH_PROOF_TRUSTED;
}

/*
 * A timestamp that no greeting had before (RFC 1939 section 7).  Some clients accept no
 * more than letters, digits, '.', '-' and '@' in it.
 */
static void
make_banner(struct connection *connection)
{
	const char *hostname = connection->service->config->server.hostname;
	uint64_t random[2];

	if (!connection_offers(connection, auth_mechanism_find("APOP")) ||
		getrandom(random, sizeof(random), 0) != (ssize_t)sizeof(random))
		return;
	(void)snprintf(connection->banner, sizeof(connection->banner),
		"<%016" PRIx64 "%016" PRIx64 "@%.255s>", random[0], random[1], hostname);
	for (char *p = connection->banner; *p != '\0'; p++)
		if (*p == '_')
			*p = '-';
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
	connection->secure = connection->peer.local;
	make_banner(connection);
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
