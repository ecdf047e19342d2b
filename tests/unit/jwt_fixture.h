/*
 * Keys and JSON Web Tokens made for a test.  Every function fails the test that calls it
 * if it cannot do its work.
 */
#ifndef JWT_FIXTURE_H
#define JWT_FIXTURE_H

#include <openssl/evp.h>

#include "tests/unit/auth_fixture.h"

#include "auth/jwt_keys.h"

/* The same at each call: a key pair of the algorithm; number 0 or 1. */
EVP_PKEY *jwt_fixture_key(enum jwt_algorithm algorithm, unsigned number);

/* The public key as a JWK; members: more of them, each with a ',' before it. */
const char *jwt_fixture_jwk(
	enum jwt_algorithm algorithm, unsigned number, const char *members);

/* A key set of one key of each algorithm, with the ids rsa, ec and ed. */
const char *jwt_fixture_set(void);

/* header.claims.signature, in a buffer that the next call uses again. */
char *jwt_fixture_token(const char *header, const char *claims,
	enum jwt_algorithm algorithm, unsigned number);

/* The same, signed by HMAC-SHA-256 with any text as the key. */
char *jwt_fixture_hmac(const char *header, const char *claims, const char *key);

/* base64url of some octets, in a buffer that the fourth call after this uses again. */
const char *jwt_fixture_encode(const void *p, size_t n);

#endif
