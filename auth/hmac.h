/*
 * HMAC-SHA-256 (RFC 2104), over libmd's hash.
 */
#ifndef HMAC_H
#define HMAC_H

#include <stddef.h>

#include <sha256.h>

struct hmac {
	SHA2_CTX inner, outer;
};

void hmac_begin(struct hmac *hmac, const void *key, size_t n);
void hmac_add(struct hmac *hmac, const void *p, size_t n);
/* Finish, and wipe the state. */
void hmac_end(struct hmac *hmac, unsigned char mac[SHA256_DIGEST_LENGTH]);

#endif
