/*
 * What a handshake asks of the key process: a signature over what TLS has a server sign,
 * and over nothing else.
 */
#ifndef TLS_KEY_REQUEST_H
#define TLS_KEY_REQUEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "pop3d/ipc.h"

#define KEY_DIGEST_MAX 16u      /* octets of a name, its NUL included */
#define KEY_SIGNATURE_MAX 4096u /* octets; an RSA key of 16,384 bits needs 2,048 */

enum key_padding {
	KEY_PADDING_NONE, /* no RSA key */
	KEY_PADDING_PKCS1,
	KEY_PADDING_PSS, /* with a salt as long as the digest (RFC 8446 section 4.2.3) */
};

struct key_request {
	uint32_t file; /* that holds the key; index in the material */
	enum key_padding padding;
	char digest[KEY_DIGEST_MAX]; /* OpenSSL's name; "": the kind of key has its own */
	const unsigned char *text;   /* borrowed */
	size_t n;
};

/* Write it as a message of type IPC_KEY_SIGN. */
void key_request_put(struct ipc_message *message, const struct key_request *request);

/*
 * Take it from a message, in which the text then stands.  False if it is malformed, or
 * if the text is none that TLS has a server sign: see key_text_is_of_tls().
 */
bool key_request_get(struct ipc_message *message, struct key_request *request, bool old);

/*
 * True for the text of a CertificateVerify of a server (RFC 8446 section 4.4.3); if old,
 * for TLS 1.2, also for that of a ServerKeyExchange: two randoms and a point of a known
 * curve (RFC 8422 section 5.4).  So a signature over a certificate or a mail cannot be
 * had.  The old text is weaker: its randoms, and the point, can be anything, though of
 * one length, so where only TLS 1.3 is spoken it is not signed.
 */
bool key_text_is_of_tls(const unsigned char *text, size_t n, bool old);

#endif
