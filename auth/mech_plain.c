/*
 * PLAIN (RFC 4616): [authzid] NUL authcid NUL passwd.
 */
#include <string.h>

#include "auth/credential.h"
#include "auth/mechanisms.h"

/* Cut the next field, up to a NUL, off the message; false if there is none. */
static bool
cut_field(struct auth_span *in, struct auth_span *field)
{
	const unsigned char *nul =
		in->p != NULL && in->n > 0 ? memchr(in->p, '\0', in->n) : NULL;

	if (nul == NULL)
		return false;
	field->p = in->p;
	field->n = (size_t)(nul - in->p);
	in->p = nul + 1;
	in->n -= field->n + 1;
	return true;
}

/* No one may act for another here, so an authorization identity says nothing new. */
static bool
is_same_user(const struct auth_span *authzid, const struct auth_span *authcid)
{
	return authzid->n == 0 ||
	       (authzid->n == authcid->n &&
		       memcmp(authzid->p, authcid->p, authzid->n) == 0);
}

static enum auth_result
step(struct auth_exchange *exchange, struct auth_span in)
{
	struct auth_span authzid, authcid;

	if (in.p == NULL && exchange->steps == 0)
		return auth_exchange_challenge(exchange, NULL, 0);
	if (!cut_field(&in, &authzid) || !cut_field(&in, &authcid))
		return auth_exchange_deny(exchange, "malformed message");
	if (!auth_exchange_user(exchange, authcid.p, authcid.n))
		return auth_exchange_deny(exchange, "malformed user name");
	if (!is_same_user(&authzid, &authcid))
		return auth_exchange_deny(exchange, "asked to act for another user");
	/* A third NUL, or nothing behind the second, is no password either. */
	if (!credential_is_password(in.p, in.n))
		return auth_exchange_deny(exchange, "empty or malformed password");
	return auth_exchange_ask(exchange, in, (struct auth_span){NULL, 0});
}

const struct auth_mechanism auth_mechanism_plain = {
	.name = "PLAIN",
	.proof = AUTH_PROOF_PASSWORD,
	.flags = MECHANISM_SASL | MECHANISM_PLAINTEXT | MECHANISM_ONE_MESSAGE,
	.step = step,
};
