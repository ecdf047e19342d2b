#include "pop3d/connection.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#include "pop3d/clock.h"
#include "pop3d/trust.h"

static bool
is_inside_tls(const struct connection *connection)
{
	return !connection->plain && (connection->tls || connection->forwarded);
}

static bool
permits_plaintext(const struct connection *connection)
{
	bool tls = is_inside_tls(connection);

	switch ((
		enum config_plaintext)connection->service->config->auth.plaintext_login) {
	case PLAINTEXT_ALWAYS:
		return true;
	case PLAINTEXT_LOCAL:
		return tls || connection->peer.local;
	case PLAINTEXT_TLS:
		return tls;
	case PLAINTEXT_NEVER:
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

/* Only a channel that ends here can be bound to: the client must have the same data. */
static bool
has_binding(const struct tls_info *info)
{
	return info->exporter.n > 0 || info->unique.n > 0 || info->end_point.n > 0;
}

bool
connection_is_trusted(const struct connection *connection)
{
	return trust_has(connection->service->config->server.trusted_networks,
		connection->proxied ? &connection->via : &connection->peer);
}

bool
connection_pays(const struct connection *connection)
{
	const struct config *config = connection->service->config;

	return config->auth.penalty_max != 0 && !connection->health_check &&
	       connection->peer.network[0] != '\0' &&
	       !trust_has(config->server.trusted_networks, &connection->peer);
}

bool
connection_offers_stls(const struct connection *connection)
{
	return connection->service->tls && !connection->tls && !connection->forwarded;
}

bool
connection_offers_xclient(const struct connection *connection)
{
	const struct config_server *server = &connection->service->config->server;

	/* It is the client that says it, not a proxy that has spoken for the client. */
	return server->xclient != 0 && !connection->xclient &&
	       trust_has(server->trusted_networks, &connection->peer);
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
	if ((mechanism->flags & MECHANISM_BINDING) != 0 &&
		!has_binding(&connection->info))
		return false;
	return mechanism->proof != AUTH_PROOF_TRUSTED ||
	       connection->info.certificate.verified;
}

void
connection_settle(struct connection *connection)
{
	connection->plaintext = permits_plaintext(connection);
	connection->secure = is_inside_tls(connection) || connection->peer.local;
}

/* TLS that ended elsewhere: how far it is believed is the administrator's choice. */
static void
take_forwarded(struct connection *connection, const struct proxy_header *header)
{
	uint64_t belief = connection->service->config->tls.forwarded;
	struct tls_info *info = &connection->info;

	if (!header->tls || belief == FORWARDED_NO)
		return;
	connection->forwarded = true;
	/* A proxy may speak TLS to us as well: then that is what we know about. */
	if (connection->tls)
		return;
	(void)snprintf(info->protocol, sizeof(info->protocol), "%s", header->protocol);
	(void)snprintf(info->cipher, sizeof(info->cipher), "%s", header->cipher);
	(void)snprintf(info->sni, sizeof(info->sni), "%s", header->sni);
	if (belief != FORWARDED_CERTIFICATE || !header->verified)
		return;
	info->certificate.verified = true;
	(void)snprintf(info->certificate.common_name,
		sizeof(info->certificate.common_name), "%s", header->common_name);
	(void)snprintf(info->certificate.subject, sizeof(info->certificate.subject), "%s",
		header->subject);
}

/* A proxy on another host must not make a client local: the way to us is not. */
static void
take_addresses(struct connection *connection, const struct proxy_header *header)
{
	struct tls_info *info = &connection->info;

	if (!connection->proxied)
		connection->via = connection->peer;
	connection->proxied = true;
	connection->peer = header->peer;
	connection->self = header->self;
	connection->peer.local = header->peer.local && connection->via.local;
	/* Whoever has shown it, or can bind to the channel, is not the client. */
	memset(&info->certificate, 0, sizeof(info->certificate));
	info->exporter.n = info->unique.n = info->end_point.n = 0;
	connection->forwarded = false;
}

void
connection_take_header(struct connection *connection, const struct proxy_header *header)
{
	connection->health_check = header->health_check;
	if (header->addressed)
		take_addresses(connection, header);
	else if (!header->health_check)
		connection->peer.local = false;
	if (header->session[0] != '\0')
		(void)snprintf(connection->session, sizeof(connection->session), "%s",
			header->session);
	connection->plain = header->plain;
	take_forwarded(connection, header);
	connection_settle(connection);
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
	connection_settle(connection);
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
	if (connection->session[0] != '\0')
		log_text(line, "session", connection->session);
}

void
connection_log_tls(const struct connection *connection, struct log_line *line)
{
	const struct tls_info *info = &connection->info;

	if (!connection->tls && !connection->forwarded) {
		log_text(line, "tls", "no");
		return;
	}
	log_text(line, "tls", info->protocol[0] != '\0' ? info->protocol : "yes");
	if (info->cipher[0] != '\0')
		log_text(line, "cipher", info->cipher);
	if (connection->tls)
		log_text(line, "resumed", info->resumed ? "yes" : "no");
	else
		log_text(line, "tls_end", "proxy");
	if (info->sni[0] != '\0')
		log_text(line, "sni", info->sni);
	if (info->certificate.verified)
		log_text(line, "cert",
			info->certificate.subject[0] != '\0'
				? info->certificate.subject
				: info->certificate.common_name);
}
