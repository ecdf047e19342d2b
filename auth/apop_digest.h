/*
 * What a client that knows a shared secret makes of a challenge.
 */
#ifndef APOP_DIGEST_H
#define APOP_DIGEST_H

#include "auth/auth_module.h"

#define APOP_DIGEST_OCTETS 16u /* of an MD5 */

/* MD5 of the challenge with the secret behind it (RFC 1939 section 7). */
void apop_digest_md5(unsigned char digest[APOP_DIGEST_OCTETS], struct auth_span challenge,
	struct auth_span secret);

/* HMAC-MD5 of the challenge, the key being the secret (RFC 2195 section 2). */
void apop_digest_hmac(unsigned char digest[APOP_DIGEST_OCTETS],
	struct auth_span challenge, struct auth_span secret);

#endif
