#include "auth/passwd_part.h"

#include "auth/saslprep.h"

static const struct passwd_part functions = {
	.size = sizeof(struct passwd_part),
	.start = password_hash_start,
	.saslprep = saslprep,
	.verify = password_hash_verify,
	.dummy = password_hash_dummy,
	.make = password_hash_make,
};

const struct auth_part pop3d_auth_part = {
	.abi = POP3D_AUTH_ABI,
	.size = sizeof(struct auth_part),
	.name = "passwd",
	.functions = &functions,
};
