/*
 * Test module: answers what its configuration says: `result` is the number to return,
 * `user`, `home`, `mail` and `reason` go into the answer, whatever the result.
 */
#include <stdio.h>
#include <stdlib.h>

#include "auth/auth_module.h"

static const char *const keys[] = {
	"result", "user", "home", "mail", "reason", "turn", NULL};

struct puppet {
	const struct auth_host *host;
};

static bool
open_module(void **context, const struct auth_host *host)
{
	struct puppet *own = malloc(sizeof(*own));

	if (own == NULL)
		return false;
	own->host = host;
	*context = own;
	return true;
}

static void
fill(const struct auth_host *host, const char *key, char *field, size_t size)
{
	const char *value = host->config(host->cookie, key);

	if (value != NULL)
		(void)snprintf(field, size, "%s", value);
}

static enum auth_result
verify(void *context, const struct auth_request *request, struct auth_out *out)
{
	const struct puppet *own = context;
	const struct auth_host *host = own->host;
	const char *result = host->config(host->cookie, "result");
	unsigned char noise[300] = {0};

	/* The host promises a NUL behind the secret. */
	if (request->secret.p[request->secret.n] != '\0')
		return AUTH_TEMPFAIL;
	/* It is enough to ask once, but to ask again does no harm. */
	if (host->config(host->cookie, "turn") != NULL &&
		(!host->wait_turn(host->cookie) || !host->wait_turn(host->cookie)))
		return AUTH_TEMPFAIL;
	if (!host->random(host->cookie, noise, sizeof(noise)))
		return AUTH_TEMPFAIL;
	host->wipe(noise, sizeof(noise));
	host->log(host->cookie, 7, "asked for \"%s\"", request->user);
	fill(host, "user", out->identity.user, sizeof(out->identity.user));
	fill(host, "home", out->identity.home, sizeof(out->identity.home));
	fill(host, "mail", out->identity.mail, sizeof(out->identity.mail));
	fill(host, "reason", out->reason, sizeof(out->reason));
	return (enum auth_result)strtol(result != NULL ? result : "0", NULL, 10);
}

static void
close_module(void *context)
{
	free(context);
}

const struct auth_module pop3d_auth_module = {
	.abi = POP3D_AUTH_ABI,
	.size = sizeof(struct auth_module),
	.name = "mod_puppet",
	.keys = keys,
	.proofs = AUTH_PROOF_PASSWORD | AUTH_PROOF_TOKEN,
	.flags = AUTH_FLAG_ROOT,
	.open = open_module,
	.verify = verify,
	.close = close_module,
};
