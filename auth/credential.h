/*
 * What a user name and a proof may be, wherever they come from.
 */
#ifndef CREDENTIAL_H
#define CREDENTIAL_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include "auth/auth_module.h"

#define AUTH_PASSWORD_MAX 1024u /* octets */
#define AUTH_TOKEN_MAX 65536u   /* octets of a bearer token */
/* Octets of a client's message: a token and what OAUTHBEARER puts around it. */
#define AUTH_MESSAGE_MAX (AUTH_TOKEN_MAX + 768u)

/* No byte of C0 and no DEL: nothing that could forge a line of a log or of a file. */
static inline bool
credential_is_printable(const void *text, size_t n)
{
	const unsigned char *p = text;

	for (size_t i = 0; i < n; i++)
		if (p[i] < 0x20 || p[i] == 0x7f)
			return false;
	return true;
}

/* ASCII that can be seen, and spaces: what SASLprep leaves as it is. */
static inline bool
credential_is_plain(struct auth_span text)
{
	for (size_t i = 0; i < text.n; i++)
		if (text.p[i] < 0x20 || text.p[i] > 0x7e)
			return false;
	return true;
}

/* 1 to AUTH_USER_MAX octets without control bytes.  Any character set will do. */
static inline bool
credential_is_user(const void *name, size_t n)
{
	return n >= 1 && n <= AUTH_USER_MAX && credential_is_printable(name, n);
}

/* 1 to AUTH_PASSWORD_MAX octets without NUL. */
static inline bool
credential_is_password(const void *password, size_t n)
{
	return password != NULL && n >= 1 && n <= AUTH_PASSWORD_MAX &&
	       memchr(password, '\0', n) == NULL;
}

/* An MD5 in hexadecimal, in either case. */
static inline bool
credential_is_digest(const void *digest, size_t n)
{
	const char *p = digest;

	for (size_t i = 0; i < n; i++)
		if (strchr("0123456789abcdefABCDEF", p[i]) == NULL || p[i] == '\0')
			return false;
	return n == 32;
}

#endif
