#include "auth/mechanism.h"

#include <stdio.h>
#include <string.h>

#include "auth/credential.h"

static enum auth_result
deny(struct auth_exchange *exchange, const char *reason)
{
	(void)snprintf(exchange->out.reason, sizeof(exchange->out.reason), "%s", reason);
	return AUTH_DENY;
}

static enum auth_result
ask(struct auth_exchange *exchange, struct auth_span password)
{
	unsigned char secret[AUTH_PASSWORD_MAX + 1];
	struct auth_request request = {
		.size = sizeof(request),
		.proof = AUTH_PROOF_PASSWORD,
		.user = exchange->user,
		.secret = {secret, password.n},
		.remote = exchange->remote,
		.local = exchange->local,
	};
	enum auth_result result;

	/* Modules are promised a NUL behind the secret; the message ends without one. */
	memcpy(secret, password.p, password.n);
	secret[password.n] = '\0';
	result = auth_chain_verify(exchange->chain, &request, &exchange->out);
	explicit_bzero(secret, sizeof(secret));
	return result;
}

static enum auth_result
step(struct auth_exchange *exchange, struct auth_span in)
{
	const unsigned char *nul = in.n > 0 ? memchr(in.p, '\0', in.n) : NULL;
	struct auth_span password;
	size_t user_len;

	if (nul == NULL)
		return deny(exchange, "malformed message");
	user_len = (size_t)(nul - in.p);
	if (!credential_is_user(in.p, user_len))
		return deny(exchange, "malformed user name");
	memcpy(exchange->user, in.p, user_len);
	exchange->user[user_len] = '\0';
	password.p = nul + 1;
	password.n = in.n - user_len - 1;
	/* Some back ends take an empty password for an anonymous login, and say yes. */
	if (password.n == 0)
		return deny(exchange, "empty password");
	if (!credential_is_password(password.p, password.n))
		return deny(exchange, "malformed password");
	return ask(exchange, password);
}

const struct auth_mechanism auth_mechanism_user = {
	.name = "USER",
	.proof = AUTH_PROOF_PASSWORD,
	.step = step,
};
