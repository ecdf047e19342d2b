/*
 * EXTERNAL (RFC 4422 appendix A): the user is whom a verified certificate names.
 */
#include <string.h>

#include "auth/mechanisms.h"

static enum auth_result
step(struct auth_exchange *exchange, struct auth_span in)
{
	const char *certified = exchange->peer->certificate_user;
	const struct auth_span nothing = {NULL, 0};

	if (in.p == NULL && exchange->steps == 0)
		return auth_exchange_challenge(exchange, NULL, 0);
	if (!auth_exchange_user(exchange, certified, strlen(certified)))
		return auth_exchange_deny(exchange, "no verified certificate");
	if (in.p != NULL && in.n != 0 &&
		(in.n != strlen(certified) || memcmp(in.p, certified, in.n) != 0))
		return auth_exchange_deny(exchange, "asked for another user's mail");
	return auth_exchange_ask(exchange, nothing, nothing);
}

const struct auth_mechanism auth_mechanism_external = {
	.name = "EXTERNAL",
	.proof = AUTH_PROOF_TRUSTED,
	.flags = MECHANISM_SASL,
	.step = step,
};
