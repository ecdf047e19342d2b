/*
 * What SCRAM-SHA-256 (RFC 5802 section 3, RFC 7677) stores of a password, and the text
 * it is stored as, Dovecot's: "iterations,salt,StoredKey,ServerKey", the last three in
 * base64.
 */
#ifndef SCRAM_KEYS_H
#define SCRAM_KEYS_H

#include <stdbool.h>

#include "auth/auth_module.h"

#define SCRAM_ITERATIONS_MIN 4096u    /* RFC 7677 section 4 */
#define SCRAM_ITERATIONS_MAX 5000000u /* some seconds of a processor */
#define SCRAM_ITERATIONS_NEW 100000u  /* as costly as a hash of argon2id */
#define SCRAM_SALT_NEW 16u            /* octets */
#define SCRAM_KEYS_TEXT_SIZE 190u     /* of the text, with a NUL */

enum scram_keys_fault {
	SCRAM_KEYS_MALFORMED = 0,
	SCRAM_KEYS_WEAK,      /* fewer iterations than SCRAM_ITERATIONS_MIN */
	SCRAM_KEYS_EXCESSIVE, /* more than SCRAM_ITERATIONS_MAX */
	SCRAM_KEYS_GOOD,
};

enum scram_keys_fault scram_keys_parse(struct auth_span text, struct auth_scram *keys);

/* False if there is no room: the salt is longer than SCRAM_SALT_NEW octets. */
bool scram_keys_format(const struct auth_scram *keys, char text[SCRAM_KEYS_TEXT_SIZE]);

/*
 * Fill both keys from the salt and the iterations that are in *keys.  The password has
 * been through SASLprep if it was to be.
 */
void scram_keys_derive(struct auth_scram *keys, struct auth_span password);

/* True if keys were derived from this password; compares in constant time. */
bool scram_keys_match(const struct auth_scram *keys, struct auth_span password);

/* Compare keys in constant time. */
bool scram_keys_equal(
	const unsigned char a[AUTH_KEY_OCTETS], const unsigned char b[AUTH_KEY_OCTETS]);

#endif
