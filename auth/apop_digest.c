#include "auth/apop_digest.h"

#include <md5.h>
#include <string.h>

#define BLOCK 64u /* octets that MD5 takes at once; B of RFC 2104 */

_Static_assert(APOP_DIGEST_OCTETS == MD5_DIGEST_LENGTH, "a digest is an MD5");

static void
pair_digest(unsigned char digest[APOP_DIGEST_OCTETS], struct auth_span first,
	struct auth_span second)
{
	MD5_CTX context;

	MD5Init(&context);
	if (first.n > 0)
		MD5Update(&context, first.p, first.n);
	if (second.n > 0)
		MD5Update(&context, second.p, second.n);
	MD5Final(digest, &context);
	explicit_bzero(&context, sizeof(context));
}

void
apop_digest_md5(unsigned char digest[APOP_DIGEST_OCTETS], struct auth_span challenge,
	struct auth_span secret)
{
	pair_digest(digest, challenge, secret);
}

void
apop_digest_hmac(unsigned char digest[APOP_DIGEST_OCTETS], struct auth_span challenge,
	struct auth_span secret)
{
	unsigned char key[BLOCK] = {0}, pad[BLOCK], inner[APOP_DIGEST_OCTETS];
	const struct auth_span padded = {pad, sizeof(pad)};

	if (secret.n > sizeof(key))
		pair_digest(key, secret, (struct auth_span){NULL, 0});
	else if (secret.n > 0)
		memcpy(key, secret.p, secret.n);
	for (size_t i = 0; i < sizeof(key); i++)
		pad[i] = key[i] ^ 0x36u;
	pair_digest(inner, padded, challenge);
	for (size_t i = 0; i < sizeof(key); i++)
		pad[i] = key[i] ^ 0x5cu;
	pair_digest(digest, padded, (struct auth_span){inner, sizeof(inner)});
	explicit_bzero(key, sizeof(key));
	explicit_bzero(pad, sizeof(pad));
	explicit_bzero(inner, sizeof(inner));
}
