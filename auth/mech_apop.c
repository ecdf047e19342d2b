/*
 * APOP (RFC 1939 section 7): the digest of the greeting's timestamp and a shared secret.
 */
#include <string.h>

#include "auth/credential.h"
#include "auth/mechanisms.h"

static enum auth_result
step(struct auth_exchange *exchange, struct auth_span in)
{
	const char *banner = exchange->peer->banner;
	const struct auth_span challenge = {
		(const unsigned char *)banner, strlen(banner)};
	const unsigned char *nul = in.n > 0 ? memchr(in.p, '\0', in.n) : NULL;
	struct auth_span digest;

	if (nul == NULL)
		return auth_exchange_deny(exchange, "malformed message");
	if (!auth_exchange_user(exchange, in.p, (size_t)(nul - in.p)))
		return auth_exchange_deny(exchange, "malformed user name");
	digest.p = nul + 1;
	digest.n = in.n - (size_t)(digest.p - in.p);
	if (challenge.n == 0)
		return auth_exchange_deny(exchange, "no timestamp was given");
	if (!credential_is_digest(digest.p, digest.n))
		return auth_exchange_deny(exchange, "malformed digest");
	return auth_exchange_ask(exchange, digest, challenge);
}

const struct auth_mechanism auth_mechanism_apop = {
	.name = "APOP",
	.proof = AUTH_PROOF_APOP,
	.flags = MECHANISM_BANNER,
	.step = step,
};
