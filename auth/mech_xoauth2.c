/*
 * XOAUTH2: a user and a bearer token.  No standard describes it; clients that knew it
 * before RFC 7628 expect the status of HTTP in a refusal.
 */
#include "auth/mechanisms.h"
#include "auth/oauth_exchange.h"

static enum auth_result
step(struct auth_exchange *exchange, struct auth_span in)
{
	return oauth_exchange_step(exchange, in, oauth_message_parse_xoauth2, "401");
}

const struct auth_mechanism auth_mechanism_xoauth2 = {
	.name = "XOAUTH2",
	.proof = AUTH_PROOF_TOKEN,
	.flags = MECHANISM_SASL | MECHANISM_NEEDS_TLS,
	.step = step,
};
