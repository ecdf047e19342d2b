/*
 * Messages of OAUTHBEARER and XOAUTH2 from anywhere: what is taken must keep what the
 * parsers promise, and put together again it must be taken for the same.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "auth/credential.h"
#include "auth/oauth_message.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
check(bool good)
{
	if (!good)
		abort();
}

static void
span_check(struct auth_span span, struct auth_span in)
{
	if (span.p == NULL)
		return;
	check(span.p >= in.p && span.n <= in.n && span.p + span.n <= in.p + in.n);
	check(memchr(span.p, '\x01', span.n) == NULL);
	check(memchr(span.p, '\0', span.n) == NULL);
}

/* The chain refuses a token with control bytes: none may get there. */
static void
token_check(const struct oauth_message *message)
{
	struct auth_span token = oauth_message_token(message->auth);

	if (token.p == NULL)
		return;
	check(token.n >= 1 && token.n <= AUTH_TOKEN_MAX);
	check(token.p + token.n == message->auth.p + message->auth.n);
	check(credential_is_printable(token.p, token.n));
	check(memchr(token.p, ' ', token.n) == NULL);
}

static void
message_check(const struct oauth_message *message, struct auth_span in)
{
	size_t n = strlen(message->user);

	check(n <= AUTH_USER_MAX && credential_is_printable(message->user, n));
	check(message->auth.p != NULL);
	span_check(message->auth, in);
	span_check(message->host, in);
	span_check(message->port, in);
	token_check(message);
}

static void
put(char **at, const void *p, size_t n)
{
	memcpy(*at, p, n);
	*at += n;
}

static void
put_pair(char **at, const char *key, struct auth_span value)
{
	if (value.p == NULL)
		return;
	put(at, key, strlen(key));
	put(at, value.p, value.n);
	put(at, "\x01", 1);
}

/* As the standard has it: the header, then the pairs that mean something. */
static void
again_check(const struct oauth_message *message, size_t size)
{
	char *text = malloc((size_t)4 * AUTH_USER_MAX + size + 64), *at = text;
	struct oauth_message again;

	check(text != NULL);
	put(&at, "n,", 2);
	if (message->user[0] != '\0')
		put(&at, "a=", 2);
	for (const char *p = message->user; *p != '\0'; p++) {
		if (*p == ',' || *p == '=')
			put(&at, *p == ',' ? "=2C" : "=3D", 3);
		else
			put(&at, p, 1);
	}
	put(&at, ",\x01", 2);
	put_pair(&at, "port=", message->port);
	put_pair(&at, "host=", message->host);
	put_pair(&at, "auth=", message->auth);
	put(&at, "\x01", 1);
	check(oauth_message_parse_bearer(
		      (struct auth_span){(unsigned char *)text, (size_t)(at - text)},
		      &again) == NULL);
	check(strcmp(again.user, message->user) == 0);
	check(again.auth.n == message->auth.n &&
		memcmp(again.auth.p, message->auth.p, again.auth.n) == 0);
	check((again.host.p == NULL) == (message->host.p == NULL));
	check((again.port.p == NULL) == (message->port.p == NULL));
	free(text);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct auth_span in = {data, size};
	struct oauth_message message;

	if (oauth_message_parse_bearer(in, &message) == NULL) {
		message_check(&message, in);
		again_check(&message, size);
	}
	if (oauth_message_parse_xoauth2(in, &message) == NULL) {
		message_check(&message, in);
		check(message.user[0] != '\0');
	}
	return 0;
}
