/*
 * CRAM-MD5 (RFC 2195): the server sends a timestamp, the client answers with its name, a
 * space and the keyed digest of the timestamp.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "auth/credential.h"
#include "auth/mechanisms.h"

#define RANDOM_OCTETS 16u

struct state {
	char challenge[2 * RANDOM_OCTETS + 300];
};

static enum auth_result
send_timestamp(struct auth_exchange *exchange)
{
	unsigned char random[RANDOM_OCTETS];
	struct state *state = calloc(1, sizeof(*state));
	size_t n = 0;

	if (state == NULL ||
		getrandom(random, sizeof(random), 0) != (ssize_t)sizeof(random)) {
		free(state);
		return AUTH_TEMPFAIL;
	}
	exchange->state = state;
	state->challenge[n++] = '<';
	for (size_t i = 0; i < sizeof(random); i++, n += 2)
		(void)snprintf(state->challenge + n, 3, "%02x", random[i]);
	(void)snprintf(state->challenge + n, sizeof(state->challenge) - n, "@%.255s>",
		exchange->peer->hostname);
	return auth_exchange_challenge(
		exchange, state->challenge, strlen(state->challenge));
}

static enum auth_result
step(struct auth_exchange *exchange, struct auth_span in)
{
	const struct state *state = exchange->state;
	const unsigned char *space;
	struct auth_span digest, challenge;

	if (state == NULL)
		return send_timestamp(exchange);
	/* The last space: a name may hold others. */
	space = in.n > 0 ? memrchr(in.p, ' ', in.n) : NULL;
	if (space == NULL)
		return auth_exchange_deny(exchange, "malformed message");
	if (!auth_exchange_user(exchange, in.p, (size_t)(space - in.p)))
		return auth_exchange_deny(exchange, "malformed user name");
	digest.p = space + 1;
	digest.n = in.n - (size_t)(digest.p - in.p);
	if (!credential_is_digest(digest.p, digest.n))
		return auth_exchange_deny(exchange, "malformed digest");
	challenge.p = (const unsigned char *)state->challenge;
	challenge.n = strlen(state->challenge);
	return auth_exchange_ask(exchange, digest, challenge);
}

const struct auth_mechanism auth_mechanism_cram_md5 = {
	.name = "CRAM-MD5",
	.proof = AUTH_PROOF_CRAM_MD5,
	.flags = MECHANISM_SASL | MECHANISM_SERVER_FIRST,
	.step = step,
};
