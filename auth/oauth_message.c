#include "auth/oauth_message.h"

#include <string.h>
#include <strings.h>

#include "auth/credential.h"

#define SEPARATOR '\x01'

static bool
span_is(struct auth_span span, const char *text)
{
	return span.n == strlen(text) && memcmp(span.p, text, span.n) == 0;
}

/* Cut what stands before `end` off the front; false if that is nowhere. */
static bool
cut(struct auth_span *in, int end, struct auth_span *head)
{
	const unsigned char *p = in->n > 0 ? memchr(in->p, end, in->n) : NULL;

	if (p == NULL)
		return false;
	head->p = in->p;
	head->n = (size_t)(p - in->p);
	in->p = p + 1;
	in->n -= head->n + 1;
	return true;
}

static bool
is_letter(unsigned char c)
{
	return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

static bool
is_digit(unsigned char c)
{
	return c >= '0' && c <= '9';
}

static bool
key_is_valid(struct auth_span key)
{
	for (size_t i = 0; i < key.n; i++)
		if (!is_letter(key.p[i]))
			return false;
	return key.n > 0;
}

static bool
value_is_valid(struct auth_span value)
{
	for (size_t i = 0; i < value.n; i++) {
		unsigned char c = value.p[i];

		if ((c < 0x20 || c > 0x7e) && c != '\t' && c != '\r' && c != '\n')
			return false;
	}
	return true;
}

/* Where the value of a known key belongs; NULL for keys that mean nothing here. */
static struct auth_span *
key_find(struct oauth_message *message, struct auth_span key)
{
	if (span_is(key, "auth"))
		return &message->auth;
	if (span_is(key, "host"))
		return &message->host;
	if (span_is(key, "port"))
		return &message->port;
	return NULL;
}

/* *kvpair kvsep, to the end of the message. */
static const char *
pairs_parse(struct auth_span in, struct oauth_message *message)
{
	struct auth_span pair, key, *known;

	while (in.n > 1) {
		if (!cut(&in, SEPARATOR, &pair) || !cut(&pair, '=', &key) ||
			!key_is_valid(key) || !value_is_valid(pair))
			return "malformed key or value";
		known = key_find(message, key);
		if (known != NULL && known->p != NULL)
			return "key given twice";
		if (known != NULL)
			*known = pair;
	}
	if (in.n != 1 || in.p[0] != SEPARATOR)
		return "no end of the message";
	return message->auth.p != NULL ? NULL : "no credentials";
}

/* A saslname, in which ",=" are written "=2C" and "=3D" (RFC 5802 section 5.1). */
static bool
name_parse(struct auth_span name, char user[AUTH_USER_MAX + 1])
{
	size_t n = 0;

	for (size_t i = 0; i < name.n; i++) {
		unsigned char c = name.p[i];

		if (n == AUTH_USER_MAX)
			return false;
		if (c == '=') {
			if (name.n - i < 3 ||
				name.p[i + 1] != (name.p[i + 2] == 'C' ? '2' : '3') ||
				(name.p[i + 2] != 'C' && name.p[i + 2] != 'D'))
				return false;
			c = name.p[i + 2] == 'C' ? ',' : '=';
			i += 2;
		}
		user[n++] = (char)c;
	}
	user[n] = '\0';
	return credential_is_user(user, n);
}

/* gs2-header (RFC 5802 section 7).  There is no channel binding in OAUTHBEARER. */
static const char *
header_parse(struct auth_span *in, struct oauth_message *message)
{
	struct auth_span flag, name;

	if (!cut(in, ',', &flag) || !cut(in, ',', &name))
		return "malformed header";
	if (!span_is(flag, "n") && !span_is(flag, "y"))
		return "channel binding is not supported";
	if (name.n == 0)
		return NULL;
	if (name.n < 3 || name.p[0] != 'a' || name.p[1] != '=')
		return "malformed header";
	name.p += 2;
	name.n -= 2;
	return name_parse(name, message->user) ? NULL : "malformed user name";
}

static bool
port_is_valid(struct auth_span port)
{
	unsigned value = 0;

	if (port.n == 0 || port.n > 5 || port.p[0] == '0')
		return false;
	for (size_t i = 0; i < port.n; i++) {
		if (!is_digit(port.p[i]))
			return false;
		value = value * 10 + (unsigned)(port.p[i] - '0');
	}
	return value <= 65535;
}

const char *
oauth_message_parse_bearer(struct auth_span in, struct oauth_message *message)
{
	const char *fault;

	memset(message, 0, sizeof(*message));
	fault = header_parse(&in, message);
	if (fault != NULL)
		return fault;
	if (in.n == 0 || in.p[0] != SEPARATOR)
		return "malformed header";
	in.p++;
	in.n--;
	fault = pairs_parse(in, message);
	if (fault == NULL && message->port.p != NULL && !port_is_valid(message->port))
		fault = "malformed port";
	return fault;
}

/* No standard describes it: the user first, then the credentials. */
const char *
oauth_message_parse_xoauth2(struct auth_span in, struct oauth_message *message)
{
	struct auth_span pair, key;

	memset(message, 0, sizeof(*message));
	if (!cut(&in, SEPARATOR, &pair) || !cut(&pair, '=', &key) ||
		!span_is(key, "user"))
		return "malformed message";
	if (!credential_is_user(pair.p, pair.n))
		return "malformed user name";
	memcpy(message->user, pair.p, pair.n);
	return pairs_parse(in, message);
}

/* Of RFC 6750: b64token.  '=' at the end only. */
static bool
token_is_valid(struct auth_span token)
{
	size_t n = token.n;

	while (n > 0 && token.p[n - 1] == '=')
		n--;
	for (size_t i = 0; i < n; i++)
		if (!is_letter(token.p[i]) && !is_digit(token.p[i]) &&
			(token.p[i] == '\0' || strchr("-._~+/", token.p[i]) == NULL))
			return false;
	return n > 0 && token.n <= AUTH_TOKEN_MAX;
}

struct auth_span
oauth_message_token(struct auth_span auth)
{
	static const char scheme[] = "Bearer ";
	size_t n = sizeof(scheme) - 1;

	if (auth.n < n || strncasecmp((const char *)auth.p, scheme, n) != 0)
		return (struct auth_span){NULL, 0};
	while (n < auth.n && auth.p[n] == ' ')
		n++;
	auth.p += n;
	auth.n -= n;
	return token_is_valid(auth) ? auth : (struct auth_span){NULL, 0};
}
