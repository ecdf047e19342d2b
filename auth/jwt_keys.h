/*
 * Public keys in a JSON Web Key Set (RFC 7517, RFC 7518 section 6, RFC 8037), and what
 * they verify.
 */
#ifndef JWT_KEYS_H
#define JWT_KEYS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "auth/jwt_token.h"

/* The only algorithms there are here: no "none", and none with a shared secret. */
enum jwt_algorithm {
	JWT_RS256 = 1u << 0, /* RSA PKCS #1 v1.5 with SHA-256, 2048 bits and more */
	JWT_ES256 = 1u << 1, /* ECDSA on P-256 with SHA-256 */
	JWT_EDDSA = 1u << 2, /* Ed25519 */
};

/* The algorithm of a name as in a token's header; 0 if it is none of these. */
unsigned jwt_keys_algorithm(const char *name);

struct jwt_keys; /* private */

/*
 * Read a key set.  Keys that are not for signatures, of another type, too short or broken
 * are left out: *skipped says how many.  NULL if it is no key set or no key is left.
 */
struct jwt_keys *jwt_keys_parse(const char *text, size_t n, size_t *skipped);

void jwt_keys_free(struct jwt_keys *keys);

/*
 * NULL if the token's signature is right, or what is wrong as a constant text.  The
 * token's algorithm must be in the mask `algorithms` and be that of the key; the key is
 * the one with the token's "kid", or any one for a token without.
 */
const char *jwt_keys_verify(
	const struct jwt_keys *keys, unsigned algorithms, const struct jwt_token *token);

#endif
