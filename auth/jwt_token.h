/*
 * JSON Web Tokens in the compact form (RFC 7519, RFC 7515 section 7.1): three parts in
 * base64url.  Nothing here says that a token is genuine.
 */
#ifndef JWT_TOKEN_H
#define JWT_TOKEN_H

#include <jansson.h>
#include <stdbool.h>

#include "auth/auth_module.h"

#define JWT_SIGNATURE_MAX 2048u /* octets; those of an RSA key of 16384 bits */

struct jwt_token {
	json_t *header;           /* an object; owned */
	json_t *claims;           /* an object; owned */
	struct auth_span covered; /* what is signed; points into the text */
	unsigned char signature[JWT_SIGNATURE_MAX];
	size_t signature_n;
};

/*
 * Take a token apart.  False if it is none; nothing is to be freed then.  Objects that
 * hold a name twice, and extensions that the header calls critical, are refused.
 */
bool jwt_token_parse(struct jwt_token *token, struct auth_span text);

void jwt_token_free(struct jwt_token *token);

/*
 * Decode base64url without padding (RFC 7515 section 2).  Strict: false for any other
 * character, bits that should be zero, or more than cap octets.
 */
bool jwt_token_decode(
	const char *text, size_t n, unsigned char *out, size_t cap, size_t *written);

#endif
