/*
 * Asking the key process.  A process has one channel to it at a time, which the context
 * and its handshakes use.
 */
#ifndef TLS_KEY_CLIENT_H
#define TLS_KEY_CLIENT_H

#include <openssl/evp.h>
#include <stdbool.h>
#include <stdint.h>

#include "pop3d/tls/key_request.h"
#include "pop3d/tls/material.h"

/*
 * Use a channel, which stays the caller's; -1: there is none.  No answer is waited for
 * beyond a deadline (clock_now(), milliseconds); 0: each for half a minute.
 */
void key_client_use(int channel, int64_t deadline);

/* True if an answer did not come: whatever failed since failed of that. */
bool key_client_failed(void);

/*
 * Make sure that what the process knows of a file with a key is in the material: the
 * public half, and certificates if it holds some.  NULL, or why the file cannot be used
 * (good until the material is freed).
 */
const char *key_client_open(struct material *material, size_t file);

/* A key that signs by asking the process; NULL if the public half is none.  To be freed.
 */
EVP_PKEY *key_client_key(const struct material *material, size_t file);

/*
 * Sign.  *n is the room that is there, then the octets of the signature.  False if there
 * is none: the process refuses, is gone or late.
 */
bool key_client_sign(
	const struct key_request *request, unsigned char *signature, size_t *n);

#endif
