#include "auth/hmac.h"

#include <string.h>

void
hmac_begin(struct hmac *hmac, const void *key, size_t n)
{
	unsigned char block[SHA256_BLOCK_LENGTH] = {0};
	SHA2_CTX hash;

	if (n > sizeof(block)) {
		SHA256Init(&hash);
		SHA256Update(&hash, key, n);
		SHA256Final(block, &hash);
	} else if (n > 0) {
		memcpy(block, key, n);
	}
	for (size_t i = 0; i < sizeof(block); i++)
		block[i] ^= 0x36;
	SHA256Init(&hmac->inner);
	SHA256Update(&hmac->inner, block, sizeof(block));
	for (size_t i = 0; i < sizeof(block); i++)
		block[i] ^= 0x36 ^ 0x5c;
	SHA256Init(&hmac->outer);
	SHA256Update(&hmac->outer, block, sizeof(block));
	explicit_bzero(block, sizeof(block));
}

void
hmac_add(struct hmac *hmac, const void *p, size_t n)
{
	SHA256Update(&hmac->inner, p, n);
}

void
hmac_end(struct hmac *hmac, unsigned char mac[SHA256_DIGEST_LENGTH])
{
	unsigned char digest[SHA256_DIGEST_LENGTH];

	SHA256Final(digest, &hmac->inner);
	SHA256Update(&hmac->outer, digest, sizeof(digest));
	SHA256Final(mac, &hmac->outer);
	explicit_bzero(digest, sizeof(digest));
	explicit_bzero(hmac, sizeof(*hmac));
}
