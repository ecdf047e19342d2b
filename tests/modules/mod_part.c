/*
 * Test module with a second part, which knows that every password is right.  Without it
 * the module lets in the user "plain" alone; "greedy" wants it even where it is there.
 */
#include <string.h>

#include "auth/auth_module.h"

static const struct auth_host *host;
static const char *const keys[] = {NULL};

static bool
open_module(void **context, const struct auth_host *given)
{
	*context = NULL;
	host = given;
	return true;
}

static enum auth_result
verify(void *context, const struct auth_request *request, struct auth_out *out)
{
	const enum auth_result *answer = host->part;

	(void)context;
	(void)out;
	if (strcmp(request->user, "plain") == 0)
		return AUTH_OK;
	if (answer != NULL && strcmp(request->user, "greedy") != 0)
		return *answer;
	host->want_part(host->cookie);
	return AUTH_OK;
}

const struct auth_module pop3d_auth_module = {
	.abi = POP3D_AUTH_ABI,
	.size = sizeof(struct auth_module),
	.name = "mod_part",
	.keys = keys,
	.proofs = AUTH_PROOF_PASSWORD,
	.flags = AUTH_FLAG_PART,
	.open = open_module,
	.verify = verify,
};
