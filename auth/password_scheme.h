/*
 * What a stored password says of itself, in Dovecot's form "{SCHEME}hash": which scheme
 * it is of, whether a password may be checked against it, and what that costs.  Nothing
 * here computes a hash, see password_hash.h, and no library is needed for it.
 */
#ifndef PASSWORD_SCHEME_H
#define PASSWORD_SCHEME_H

#include <sodium.h>
#include <stdbool.h>

#include "auth/auth_module.h"

/* What a new hash costs. */
#define PASSWORD_OPS crypto_pwhash_OPSLIMIT_INTERACTIVE
#define PASSWORD_MEMORY crypto_pwhash_MEMLIMIT_INTERACTIVE

#define PASSWORD_CHECKED_SIZE 256u /* of any hash that can be checked, with a NUL */

enum password_kind { PASSWORD_ARGON2, PASSWORD_CRYPT, PASSWORD_SCRAM, PASSWORD_PLAIN };

struct password_scheme {
	const char *name;   /* in braces before the hash; may be missing there */
	const char *prefix; /* what the hash itself begins with */
	enum password_kind kind;
	bool weak;
};

/* What is permitted over what is good. */
struct password_policy {
	bool plain; /* {PLAIN}, {CLEARTEXT} and {CLEAR} */
	bool weak;  /* MD5 of crypt(5) */
};

/* What an argon2 hash asks to be spent. */
struct password_cost {
	uint32_t memory; /* KiB */
	uint32_t passes;
	uint32_t lanes;
};

/* That of new hashes. */
extern const struct password_scheme *const password_scheme_today;

/* Cut "{SCHEME}" off; NULL if it or the hash behind it is none that we know. */
const struct password_scheme *password_scheme_cut(struct auth_span *stored);

/* Read the parameters of an argon2 hash; false if it is malformed. */
bool password_scheme_cost(const char *hash, const struct password_scheme *scheme,
	struct password_cost *cost);

/* With a NUL behind it, as libraries want it; false if it is too long to be a hash. */
bool password_scheme_copy(struct auth_span stored, char hash[PASSWORD_CHECKED_SIZE]);

/* True if the scheme is known and one that a password may be checked against. */
bool password_scheme_is_usable(
	const struct password_policy *policy, struct auth_span stored);

/* True if a password may be checked against this, and that is what takes the time. */
bool password_scheme_is_costly(
	const struct password_policy *policy, struct auth_span stored);

/*
 * True for a hash that can be checked and is weaker than password_hash_make() makes them.
 * SCRAM keys are not: a hash could not take their place.
 */
bool password_scheme_is_old(struct auth_span stored);

/* What stands behind "{SCRAM-SHA-256}"; n is 0 if that is not the scheme. */
struct auth_span password_scheme_keys(struct auth_span stored);

#endif
