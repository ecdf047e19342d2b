/*
 * Password hashes as they stand in a user file: argon2id, made and checked by libsodium.
 */
#ifndef PASSWORD_HASH_H
#define PASSWORD_HASH_H

#include <stdbool.h>

#include "auth/auth_module.h"

#define PASSWORD_HASH_SIZE 160u /* a scheme, a hash and a NUL */

enum password_verdict {
	PASSWORD_ERROR = 0, /* out of memory: no verdict */
	PASSWORD_WRONG,
	PASSWORD_UNSUPPORTED, /* no hash, another scheme, or not well-formed */
	PASSWORD_EXCESSIVE,   /* asks for more memory or time than is allowed */
	PASSWORD_RIGHT,
};

/* Call once, first.  Reads from the kernel's random device, so not in a sandbox. */
bool password_hash_start(void);

/*
 * Hash a password: "{ARGON2ID}$argon2id$...".  One call costs 64 MiB of memory and some
 * 50 ms.  False if there is no memory.
 */
bool password_hash_make(char hash[PASSWORD_HASH_SIZE], struct auth_span password);

/*
 * Check a password against {ARGON2ID}, {ARGON2I} or a bare hash of these.  Compares in
 * constant time, and costs as much as a hash of today even where nothing can be checked.
 */
enum password_verdict password_hash_verify(
	struct auth_span stored, struct auth_span password);

/*
 * Cost as much as checking a password against a hash that password_hash_make() made.
 * False if there was no memory for it, which a real check would have met as well.
 */
bool password_hash_dummy(struct auth_span password);

#endif
