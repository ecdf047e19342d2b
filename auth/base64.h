/*
 * Base64 (RFC 4648 section 4) as SASL in POP3 wants it: strict.
 */
#ifndef BASE64_H
#define BASE64_H

#include <stdbool.h>
#include <stddef.h>

/* Octets of the text that n octets become, without a NUL. */
#define BASE64_ENCODED(n) (((n) + 2) / 3 * 4)

/*
 * Decode n characters into out, which has room for cap octets.  False for any character
 * outside the alphabet, '=' anywhere but at the end, a length that is no multiple of 4,
 * bits that must be zero but are not (RFC 5034 section 4), or too little room.
 */
bool base64_decode(
	const char *text, size_t n, unsigned char *out, size_t cap, size_t *written);

/* Encode into out, which has room for BASE64_ENCODED(n) characters; returns how many. */
size_t base64_encode(const unsigned char *p, size_t n, char *out);

#endif
