#include "pop3d/xclient.h"

#include <string.h>
#include <strings.h>

#include "pop3d/number.h"

/* The names that mean something here. */
enum name {
	NAME_ADDR,
	NAME_CLIENT_TRANSPORT,
	NAME_DESTADDR,
	NAME_DESTPORT,
	NAME_PORT,
	NAME_SESSION,
	NAMES,
};

static const char *const names[NAMES] = {
	[NAME_ADDR] = "ADDR",
	[NAME_CLIENT_TRANSPORT] = "CLIENT-TRANSPORT",
	[NAME_DESTADDR] = "DESTADDR",
	[NAME_DESTPORT] = "DESTPORT",
	[NAME_PORT] = "PORT",
	[NAME_SESSION] = "SESSION",
};

/* Ports may stand in front of their addresses. */
struct reading {
	struct proxy_header *header;
	bool seen[NAMES];
	bool self_addressed;
	uint16_t port, self_port;
};

static enum name
name_find(const char *text, size_t n)
{
	enum name name;

	for (name = 0; name < NAMES; name++)
		if (strlen(names[name]) == n && strncasecmp(text, names[name], n) == 0)
			break;
	return name;
}

/* Postfix writes "IPV6:" in front; others do not. */
static bool
address_take(const char *value, struct address *address)
{
	static const char prefix[] = "IPV6:";
	bool ipv6 = strncasecmp(value, prefix, sizeof(prefix) - 1) == 0;

	if (ipv6)
		value += sizeof(prefix) - 1;
	return (!ipv6 || strchr(value, ':') != NULL) &&
	       address_of_text(address, value, 0);
}

static bool
port_take(const char *value, uint16_t *port)
{
	uint64_t number;

	if (!number_parse(value, strlen(value), &number) || number > UINT16_MAX)
		return false;
	*port = (uint16_t)number;
	return true;
}

/* A word of printable ASCII: it goes into the log. */
static bool
session_take(const char *value, char session[PROXY_SESSION_MAX + 1])
{
	size_t n = strlen(value);

	for (size_t i = 0; i < n; i++)
		if (value[i] <= ' ' || value[i] > '~')
			return false;
	memcpy(session, value, n + 1);
	return true;
}

static bool
value_take(struct reading *reading, enum name name, const char *value)
{
	struct proxy_header *header = reading->header;

	if (value[0] == '\0')
		return false;
	if (strcasecmp(value, "[UNAVAILABLE]") == 0 ||
		strcasecmp(value, "[TEMPUNAVAIL]") == 0)
		return true;
	switch (name) {
	case NAME_ADDR:
		header->addressed = address_take(value, &header->peer);
		return header->addressed;
	case NAME_CLIENT_TRANSPORT:
		/* Dovecot's other word is "insecure"; what we do not know is not secure.
		 */
		header->tls = strcasecmp(value, "TLS") == 0;
		header->plain = !header->tls;
		return true;
	case NAME_DESTADDR:
		reading->self_addressed = address_take(value, &header->self);
		return reading->self_addressed;
	case NAME_DESTPORT:
		return port_take(value, &reading->self_port);
	case NAME_PORT:
		return port_take(value, &reading->port);
	case NAME_SESSION:
		return session_take(value, header->session);
	case NAMES:
		break;
	}
	return false;
}

/* Take one word of n octets.  FORWARD, which may be long, is not looked into. */
static bool
word_take(struct reading *reading, const char *word, size_t n)
{
	/* No value is longer than a session, which all of the addresses fit into. */
	char value[PROXY_SESSION_MAX + 1];
	const char *equals = memchr(word, '=', n);
	enum name name;

	if (equals == NULL || equals == word)
		return false;
	name = name_find(word, (size_t)(equals - word));
	if (name == NAMES)
		return true;
	n -= (size_t)(equals + 1 - word);
	if (n >= sizeof(value) || reading->seen[name])
		return false;
	reading->seen[name] = true;
	memcpy(value, equals + 1, n);
	value[n] = '\0';
	return value_take(reading, name, value);
}

bool
xclient_parse(const char *text, struct proxy_header *header)
{
	struct reading reading = {.header = header};
	struct address self = header->self;

	memset(header, 0, sizeof(*header));
	header->self = self;
	for (text += strspn(text, " "); *text != '\0'; text += strspn(text, " ")) {
		size_t n = strcspn(text, " ");

		if (!word_take(&reading, text, n))
			return false;
		text += n;
	}
	if (header->addressed)
		header->peer.port = reading.port;
	if (reading.self_addressed)
		header->self.port = reading.self_port;
	return true;
}
