/*
 * Test module: every user has the password "ok", but for the user "stranger", whom it
 * does not know.
 */
#include <string.h>

#include "auth/auth_module.h"

static const char *const keys[] = {NULL};

static bool
open_module(void **context, const struct auth_host *host)
{
	(void)host;
	*context = NULL;
	return true;
}

static enum auth_result
verify(void *context, const struct auth_request *request, struct auth_out *out)
{
	(void)context;
	(void)out;
	if (strcmp(request->user, "stranger") == 0)
		return AUTH_UNKNOWN;
	if (request->secret.n == 2 && memcmp(request->secret.p, "ok", 2) == 0)
		return AUTH_OK;
	return AUTH_DENY;
}

const struct auth_module pop3d_auth_module = {
	.abi = POP3D_AUTH_ABI,
	.size = sizeof(struct auth_module),
	.name = "mod_ok",
	.keys = keys,
	.proofs = AUTH_PROOF_PASSWORD,
	.open = open_module,
	.verify = verify,
};
