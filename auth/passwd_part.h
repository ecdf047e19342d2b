/*
 * The second part of the module "passwd": what needs libsodium, libcrypt or libidn.  Who
 * logs in with a password that the cache knows, under a name in ASCII, needs none of it.
 */
#ifndef PASSWD_PART_H
#define PASSWD_PART_H

#include <stdint.h>

#include "auth/password_hash.h"

/* See password_hash.h and saslprep.h. */
struct passwd_part {
	uint32_t size; /* sizeof(struct passwd_part): both are of one build */
	bool (*start)(void);
	bool (*saslprep)(struct auth_span text, char *out, size_t size, size_t *n);
	enum password_verdict (*verify)(const struct password_policy *policy,
		struct auth_span stored, struct auth_span password);
	bool (*dummy)(struct auth_span password);
	bool (*make)(char hash[PASSWORD_HASH_SIZE], struct auth_span password);
};

#endif
