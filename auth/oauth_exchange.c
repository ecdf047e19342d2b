#include "auth/oauth_exchange.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

struct state {
	char reason[sizeof(((struct auth_out *)NULL)->reason)];
};

/*
 * RFC 7628 section 3.2.2.  What stands in the configuration has no character that JSON
 * would have to escape.
 */
static enum auth_result
refusal_send(struct auth_exchange *exchange, const char *status)
{
	const struct auth_peer *peer = exchange->peer;
	const char *scope = peer->oauth_scope != NULL ? peer->oauth_scope : "";
	const char *url = peer->oauth_discovery != NULL ? peer->oauth_discovery : "";
	struct state *state = calloc(1, sizeof(*state));
	char text[AUTH_CHALLENGE_MAX];
	int n;

	if (state == NULL)
		return AUTH_TEMPFAIL;
	memcpy(state->reason, exchange->out.reason, sizeof(state->reason));
	exchange->state = state;
	n = snprintf(text, sizeof(text),
		"{\"status\":\"%s\",\"schemes\":\"bearer\"%s%s%s%s%s%s}", status,
		scope[0] != '\0' ? ",\"scope\":\"" : "", scope,
		scope[0] != '\0' ? "\"" : "",
		url[0] != '\0' ? ",\"openid-configuration\":\"" : "", url,
		url[0] != '\0' ? "\"" : "");
	if (n < 0 || (size_t)n >= sizeof(text))
		return AUTH_TEMPFAIL;
	return auth_exchange_challenge(exchange, text, (size_t)n);
}

/* The name in the configuration, or the address that the client is connected to. */
static bool
host_is_ours(const struct auth_peer *peer, struct auth_span host)
{
	const char *text = (const char *)host.p;

	return (host.n == strlen(peer->hostname) &&
		       strncasecmp(text, peer->hostname, host.n) == 0) ||
	       (host.n > 0 && host.n == strlen(peer->local) &&
		       memcmp(text, peer->local, host.n) == 0);
}

/* A right token of another user must not open this one's mail. */
static enum auth_result
token_ask(struct auth_exchange *exchange, struct auth_span token)
{
	const struct auth_span nothing = {NULL, 0};
	enum auth_result result = auth_exchange_ask(exchange, token, nothing);

	if (result == AUTH_OK && exchange->user[0] != '\0' &&
		strcmp(exchange->user, exchange->out.identity.user) != 0) {
		exchange->out = (struct auth_out){0};
		return auth_exchange_deny(exchange, "a token of another user");
	}
	return result;
}

static enum auth_result
message_judge(struct auth_exchange *exchange, const struct oauth_message *message)
{
	struct auth_span token = oauth_message_token(message->auth);

	if (message->host.p != NULL && !host_is_ours(exchange->peer, message->host))
		return auth_exchange_deny(exchange, "meant for another host");
	if (token.p == NULL)
		return auth_exchange_deny(exchange, "no bearer token");
	return token_ask(exchange, token);
}

enum auth_result
oauth_exchange_step(struct auth_exchange *exchange, struct auth_span in,
	const char *(*parse)(struct auth_span in, struct oauth_message *message),
	const char *status)
{
	const struct state *refused = exchange->state;
	struct oauth_message message;
	enum auth_result result;
	const char *fault;

	/* Whatever the client answers to a refusal. */
	if (refused != NULL)
		return auth_exchange_deny(exchange, refused->reason);
	if (in.p == NULL && exchange->steps == 0)
		return auth_exchange_challenge(exchange, NULL, 0);
	fault = parse(in, &message);
	if (fault != NULL)
		return auth_exchange_deny(exchange, fault);
	memcpy(exchange->user, message.user, sizeof(exchange->user));
	result = message_judge(exchange, &message);
	return result == AUTH_DENY ? refusal_send(exchange, status) : result;
}
