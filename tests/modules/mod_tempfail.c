/*
 * Test module: a back end that is always down.
 */

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
	(void)request;
	(void)out;
	return AUTH_TEMPFAIL;
}

const struct auth_module pop3d_auth_module = {
	.abi = POP3D_AUTH_ABI,
	.size = sizeof(struct auth_module),
	.name = "mod_tempfail",
	.keys = keys,
	.proofs = AUTH_PROOF_PASSWORD,
	.open = open_module,
	.verify = verify,
};
