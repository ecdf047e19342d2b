#include "auth/mechanism.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "auth/credential.h"
#include "auth/mechanisms.h"

const struct auth_mechanism *const auth_mechanisms[] = {
	&auth_mechanism_scram_sha_256_plus,
	&auth_mechanism_scram_sha_256,
	&auth_mechanism_external,
	&auth_mechanism_oauthbearer,
	&auth_mechanism_xoauth2,
	&auth_mechanism_plain,
	&auth_mechanism_login,
	&auth_mechanism_cram_md5,
	&auth_mechanism_apop,
	&auth_mechanism_user,
	NULL,
};

const struct auth_mechanism *
auth_mechanism_find(const char *name)
{
	for (size_t i = 0; auth_mechanisms[i] != NULL; i++)
		if (strcmp(auth_mechanisms[i]->name, name) == 0)
			return auth_mechanisms[i];
	return NULL;
}

enum auth_result
auth_exchange_step(struct auth_exchange *exchange, struct auth_span in)
{
	enum auth_result result;

	explicit_bzero(&exchange->out, sizeof(exchange->out));
	exchange->challenge_len = 0;
	result = exchange->mechanism->step(exchange, in);
	exchange->steps++;
	return result;
}

enum auth_result
auth_exchange_deny(struct auth_exchange *exchange, const char *reason)
{
	(void)snprintf(exchange->out.reason, sizeof(exchange->out.reason), "%s", reason);
	return AUTH_DENY;
}

enum auth_result
auth_exchange_challenge(struct auth_exchange *exchange, const void *p, size_t n)
{
	if (n > sizeof(exchange->challenge))
		return AUTH_TEMPFAIL;
	if (n > 0)
		memcpy(exchange->challenge, p, n);
	exchange->challenge_len = n;
	return AUTH_MORE;
}

bool
auth_exchange_user(struct auth_exchange *exchange, const void *name, size_t n)
{
	if (!credential_is_user(name, n))
		return false;
	memcpy(exchange->user, name, n);
	exchange->user[n] = '\0';
	return true;
}

enum auth_result
auth_exchange_ask(struct auth_exchange *exchange, struct auth_span secret,
	struct auth_span challenge)
{
	/* Modules are promised a NUL behind the secret; messages end without one. */
	unsigned char *copy = malloc(secret.n + 1);
	struct auth_request request = {
		.size = sizeof(request),
		.proof = exchange->mechanism->proof,
		.user = exchange->user,
		.secret = {copy, secret.n},
		.challenge = challenge,
		.mechanism = exchange->mechanism->name,
		.remote = exchange->peer->remote,
		.local = exchange->peer->local,
		.secure = exchange->peer->secure,
	};
	enum auth_result result;

	if (copy == NULL)
		return AUTH_TEMPFAIL;
	if (exchange->tried != NULL && request.proof == AUTH_PROOF_PASSWORD)
		exchange->tried(exchange, secret);
	if (secret.n > 0)
		memcpy(copy, secret.p, secret.n);
	copy[secret.n] = '\0';
	result = auth_chain_verify(exchange->chain, &request, &exchange->out);
	explicit_bzero(copy, secret.n + 1);
	free(copy);
	return result;
}
