/*
 * Passwords as they stand in a user file, in Dovecot's form: "{SCHEME}hash".
 *
 * New ones are argon2id hashes, made and checked by libsodium.  What people bring along
 * is checked as well: argon2i, the better ones of crypt(5), SCRAM keys, and, where the
 * configuration says so, MD5 and clear text.
 */
#ifndef PASSWORD_HASH_H
#define PASSWORD_HASH_H

#include <stdbool.h>

#include "auth/auth_module.h"
#include "auth/password_scheme.h"
#include "auth/scram_keys.h"

#define PASSWORD_HASH_SIZE 256u /* a scheme, a hash and a NUL */

enum password_verdict {
	PASSWORD_ERROR = 0, /* out of memory: no verdict */
	PASSWORD_WRONG,
	PASSWORD_UNSUPPORTED, /* no hash, another scheme, or not well-formed */
	PASSWORD_EXCESSIVE,   /* asks for more memory or time than is allowed */
	PASSWORD_REFUSED,     /* of a scheme that is too weak, or that is not permitted */
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
 * Make new SCRAM keys, as text without a scheme.  False for a password that SASLprep
 * does not accept.
 */
bool password_hash_scram(char text[SCRAM_KEYS_TEXT_SIZE], struct auth_span password);

/*
 * Check a password.  Compares in constant time, and costs at least as much as a hash of
 * today where nothing can be checked.
 */
enum password_verdict password_hash_verify(const struct password_policy *policy,
	struct auth_span stored, struct auth_span password);

/*
 * Cost as much as checking a password against a hash that password_hash_make() made.
 * False if there was no memory for it, which a real check would have met as well.
 */
bool password_hash_dummy(struct auth_span password);

#endif
