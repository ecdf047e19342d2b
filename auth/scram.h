/*
 * The messages of SCRAM-SHA-256 (RFC 5802 section 7): parsers of what a client sends, and
 * what is computed over the messages.  Pure; spans point into the message.
 */
#ifndef SCRAM_H
#define SCRAM_H

#include <stdbool.h>

#include "auth/auth_module.h"

#define SCRAM_MESSAGE_MAX 2048u /* octets of a message that a client may send */
#define SCRAM_NONCE_MAX 512u    /* octets of the client's part */

enum scram_flag {
	SCRAM_NO_BINDING = 'n',     /* the client knows of none */
	SCRAM_BINDING_UNUSED = 'y', /* the client thinks that we know of none */
	SCRAM_BINDING = 'p',
};

/* client-first-message */
struct scram_first {
	enum scram_flag flag;
	struct auth_span binding; /* cb-name, e.g. "tls-exporter"; with SCRAM_BINDING */
	struct auth_span authzid; /* as sent, escaped; empty: none */
	struct auth_span name;    /* as sent, escaped; never empty */
	struct auth_span nonce;
	struct auth_span header; /* the gs2-header */
	struct auth_span bare;   /* client-first-message-bare */
};

/* client-final-message */
struct scram_final {
	struct auth_span binding; /* of c=, in base64 */
	struct auth_span nonce;
	struct auth_span without_proof;
	unsigned char proof[AUTH_KEY_OCTETS];
};

/* Return NULL, or what is wrong as a constant text. */
const char *scram_first_parse(struct auth_span message, struct scram_first *first);
const char *scram_final_parse(struct auth_span message, struct scram_final *final);

/*
 * Undo the escapes of a name, into out, which has room for AUTH_USER_MAX octets.  False
 * for an '=' that is no escape, or if it is too long.
 */
bool scram_name_decode(struct auth_span name, char out[AUTH_USER_MAX], size_t *n);

/* The three parts of AuthMessage, which is their text with commas between. */
struct scram_exchange {
	struct auth_span client_first_bare;
	struct auth_span server_first;
	struct auth_span client_final_without_proof;
};

/* True if the proof was made by who knows the key behind stored_key. */
bool scram_proof_check(const unsigned char stored_key[AUTH_KEY_OCTETS],
	const struct scram_exchange *exchange,
	const unsigned char proof[AUTH_KEY_OCTETS]);

/* HMAC(key, AuthMessage); with the ServerKey it is the server's signature. */
void scram_sign(const unsigned char key[AUTH_KEY_OCTETS],
	const struct scram_exchange *exchange, unsigned char signature[AUTH_KEY_OCTETS]);

#endif
