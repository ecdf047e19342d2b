/*
 * Test module: says yes with strings that have no end; the password names the string.
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
	struct auth_identity *identity = &out->identity;

	(void)context;
	if (strcmp((const char *)request->secret.p, "user") == 0)
		memset(identity->user, 'x', sizeof(identity->user));
	else if (strcmp((const char *)request->secret.p, "home") == 0)
		memset(identity->home, '/', sizeof(identity->home));
	else if (strcmp((const char *)request->secret.p, "mail") == 0)
		memset(identity->mail, 'x', sizeof(identity->mail));
	else
		memset(out->reason, 'x', sizeof(out->reason));
	return AUTH_OK;
}

const struct auth_module pop3d_auth_module = {
	.abi = POP3D_AUTH_ABI,
	.size = sizeof(struct auth_module),
	.name = "mod_unterminated",
	.keys = keys,
	.proofs = AUTH_PROOF_PASSWORD,
	.open = open_module,
	.verify = verify,
};
