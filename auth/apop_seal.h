/*
 * Shared secrets at rest: sealed with a key that stands in a file of its own, so that a
 * copy of the file of secrets alone gives nothing away.
 *
 * A sealed secret is the base64 of a random nonce and libsodium's secretbox of the user's
 * name, a NUL and the secret, padded.  The name inside keeps an entry from being put
 * under another name.
 */
#ifndef APOP_SEAL_H
#define APOP_SEAL_H

#include <stdbool.h>
#include <stddef.h>

#include "auth/auth_module.h"
#include "auth/credential.h"

#define APOP_KEY_OCTETS 32u
#define APOP_SEALED_SIZE 1920u /* characters of any sealed secret, and a NUL */

/* To be wiped by whoever has it. */
struct apop_secret {
	unsigned char p[AUTH_PASSWORD_MAX];
	size_t n;
};

/* Call once, first; false if libsodium cannot be used. */
bool apop_seal_start(void);

/*
 * Read the key from a file that only its owner may read.  False if it is missing, unsafe
 * or of another size, which has been logged.
 */
bool apop_seal_read_key(const struct auth_host *host, const char *path,
	unsigned char key[APOP_KEY_OCTETS]);

/* Seal a secret; false if the name or the secret is too long. */
bool apop_seal_close(char text[APOP_SEALED_SIZE],
	const unsigned char key[APOP_KEY_OCTETS], const char *user,
	struct auth_span secret);

/*
 * Open a sealed secret.  False, and an empty secret, if it is not well-formed or was
 * sealed with another key or for another user.
 */
bool apop_seal_open(struct apop_secret *secret, const unsigned char key[APOP_KEY_OCTETS],
	const char *user, struct auth_span text);

/* True for what looks like a sealed secret, whatever its key. */
bool apop_seal_is_sealed(struct auth_span text);

#endif
