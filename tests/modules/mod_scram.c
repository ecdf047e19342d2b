/*
 * Test module: the user of the example in RFC 7677 section 3, and some who are not to be
 * let in: "denied", "broken", "weak".
 */
#include <stdio.h>
#include <string.h>

#include "auth/auth_module.h"

static const char *const keys[] = {NULL};

static bool
open_module(void **context, const struct auth_host *host)
{
	*context = (void *)(uintptr_t)host;
	return true;
}

/* Made from the password "pencil", by another implementation. */
static const struct auth_scram pencil = {
	.iterations = 4096,
	.salt_octets = 16,
	.salt = {0x5b, 0x6d, 0x99, 0x68, 0x9d, 0x12, 0x35, 0x8e, 0xec, 0xa0, 0x4b, 0x14,
		0x12, 0x36, 0xfa, 0x81},
	.stored_key = {0x58, 0x6e, 0x5d, 0xf2, 0x83, 0xe6, 0xdc, 0xeb, 0x5c, 0x3e, 0x79,
		0x1d, 0x8b, 0x85, 0x28, 0xec, 0x19, 0x1e, 0x66, 0x40, 0x45, 0xce, 0x97,
		0x17, 0x92, 0xe2, 0xe6, 0xb5, 0xbb, 0x13, 0xe2, 0xa6},
	.server_key = {0xc1, 0xf3, 0xcb, 0xc1, 0xc1, 0x3a, 0x9d, 0x35, 0xa1, 0x4c, 0x09,
		0x90, 0xee, 0xd9, 0x76, 0x29, 0xea, 0x22, 0x58, 0x63, 0xe5, 0x66, 0xa4,
		0x31, 0x4a, 0xb9, 0x9f, 0x3f, 0x00, 0xe5, 0xd9, 0xd5},
};

static enum auth_result
verify(void *context, const struct auth_request *request, struct auth_out *out)
{
	(void)context;
	if (strcmp(request->user, "broken") == 0)
		return AUTH_TEMPFAIL;
	if (strcmp(request->user, "denied") == 0) {
		(void)snprintf(out->reason, sizeof(out->reason), "nologin is set");
		return AUTH_DENY;
	}
	if (strcmp(request->user, "user") != 0 && strcmp(request->user, "weak") != 0 &&
		strcmp(request->user, "a,b=c") != 0)
		return AUTH_UNKNOWN;
	out->scram = pencil;
	if (strcmp(request->user, "weak") == 0)
		out->scram.iterations = 4095;
	out->identity.uid = 4711;
	return AUTH_OK;
}

const struct auth_module pop3d_auth_module = {
	.abi = POP3D_AUTH_ABI,
	.size = sizeof(struct auth_module),
	.name = "mod_scram",
	.keys = keys,
	.proofs = AUTH_PROOF_SCRAM_SHA_256,
	.open = open_module,
	.verify = verify,
};
