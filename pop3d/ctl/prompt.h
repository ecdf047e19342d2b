/*
 * Ask for a password: on the terminal without echo, or as one line of standard input
 * where that is not a terminal.
 */
#ifndef PROMPT_H
#define PROMPT_H

#include <stdbool.h>
#include <stddef.h>

#include "auth/credential.h"

/* To be wiped with explicit_bzero() by whoever asked. */
struct prompt_password {
	unsigned char p[AUTH_PASSWORD_MAX];
	size_t n;
};

/* The same for a bearer token. */
struct prompt_token {
	unsigned char p[AUTH_TOKEN_MAX];
	size_t n;
};

/*
 * Ask once, or twice on a terminal if it is to be confirmed.  Returns NULL, or what is
 * wrong as a constant text; then nothing of the password is kept.
 */
const char *prompt_password(
	const char *prompt, bool confirm, struct prompt_password *password);

/* Ask once for a token; returns as prompt_password(). */
const char *prompt_token(const char *prompt, struct prompt_token *token);

/* Read one line from a descriptor, not an octet more.  Returns as prompt_password(). */
const char *prompt_line(int fd, struct prompt_password *password);

#endif
