/*
 * OAUTHBEARER (RFC 7628): a bearer token, with the host and port it is meant for.
 */
#include "auth/mechanisms.h"
#include "auth/oauth_exchange.h"

static enum auth_result
step(struct auth_exchange *exchange, struct auth_span in)
{
	return oauth_exchange_step(
		exchange, in, oauth_message_parse_bearer, "invalid_token");
}

const struct auth_mechanism auth_mechanism_oauthbearer = {
	.name = "OAUTHBEARER",
	.proof = AUTH_PROOF_TOKEN,
	.flags = MECHANISM_SASL | MECHANISM_NEEDS_TLS,
	.step = step,
};
