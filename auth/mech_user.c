#include <string.h>

#include "auth/credential.h"
#include "auth/mechanisms.h"

static enum auth_result
step(struct auth_exchange *exchange, struct auth_span in)
{
	const unsigned char *nul = in.n > 0 ? memchr(in.p, '\0', in.n) : NULL;
	struct auth_span password;

	if (nul == NULL)
		return auth_exchange_deny(exchange, "malformed message");
	if (!auth_exchange_user(exchange, in.p, (size_t)(nul - in.p)))
		return auth_exchange_deny(exchange, "malformed user name");
	password.p = nul + 1;
	password.n = in.n - (size_t)(password.p - in.p);
	/* Some back ends take an empty password for an anonymous login, and say yes. */
	if (password.n == 0)
		return auth_exchange_deny(exchange, "empty password");
	if (!credential_is_password(password.p, password.n))
		return auth_exchange_deny(exchange, "malformed password");
	return auth_exchange_ask(exchange, password, (struct auth_span){NULL, 0});
}

const struct auth_mechanism auth_mechanism_user = {
	.name = "USER",
	.proof = AUTH_PROOF_PASSWORD,
	.flags = MECHANISM_PLAINTEXT | MECHANISM_ONE_MESSAGE,
	.step = step,
};
