/*
 * LOGIN: asks for the user name, then for the password.  No standard describes it; the
 * prompts are those that clients have come to expect.  An initial response is the name.
 */
#include <string.h>

#include "auth/credential.h"
#include "auth/mechanisms.h"

static enum auth_result
step(struct auth_exchange *exchange, struct auth_span in)
{
	static const char name[] = "Username:", password[] = "Password:";

	if (in.p == NULL && exchange->steps == 0)
		return auth_exchange_challenge(exchange, name, sizeof(name) - 1);
	if (exchange->user[0] == '\0') {
		if (!auth_exchange_user(exchange, in.p, in.n))
			return auth_exchange_deny(exchange, "malformed user name");
		return auth_exchange_challenge(exchange, password, sizeof(password) - 1);
	}
	if (!credential_is_password(in.p, in.n))
		return auth_exchange_deny(exchange, "empty or malformed password");
	return auth_exchange_ask(exchange, in, (struct auth_span){NULL, 0});
}

const struct auth_mechanism auth_mechanism_login = {
	.name = "LOGIN",
	.proof = AUTH_PROOF_PASSWORD,
	.flags = MECHANISM_SASL | MECHANISM_PLAINTEXT,
	.step = step,
};
