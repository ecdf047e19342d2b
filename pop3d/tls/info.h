/*
 * What is known of a TLS connection after its handshake: for the log, for SASL's channel
 * bindings and for EXTERNAL.  pop3d-tls fills it, the monitor takes it with distrust.
 */
#ifndef TLS_INFO_H
#define TLS_INFO_H

#include <stdbool.h>
#include <stddef.h>

#include "pop3d/ipc.h"

#define TLS_NAME_MAX 255u    /* octets of a host name, a common name, an address */
#define TLS_SUBJECT_MAX 511u /* octets of a distinguished name as text */
#define TLS_EMAILS_MAX 4u
#define TLS_BINDING_MAX 64u

struct tls_binding {
	size_t n; /* 0: there is none of this kind */
	unsigned char data[TLS_BINDING_MAX];
};

/* A client's certificate.  Texts hold no control bytes; "": there is none. */
struct tls_certificate {
	bool verified; /* chain, dates and revocation were found good; else all is empty
			*/
	char common_name[TLS_NAME_MAX + 1]; /* if the subject has exactly one */
	char subject[TLS_SUBJECT_MAX + 1];  /* RFC 2253, "CN=ann,O=Example" */
	char fingerprint[65];               /* SHA-256 of the DER, lower-case hex */
	size_t n_emails;                    /* of its subjectAltName */
	bool emails_left_out; /* there are more, or some that cannot be kept */
	char emails[TLS_EMAILS_MAX][TLS_NAME_MAX + 1];
};

struct tls_info {
	char protocol[16]; /* "TLSv1.3" */
	char cipher[64];   /* OpenSSL's name of the cipher suite */
	char sni[TLS_NAME_MAX + 1];
	bool resumed;
	struct tls_binding exporter;  /* tls-exporter, RFC 9266 */
	struct tls_binding unique;    /* tls-unique, RFC 5929 section 3 */
	struct tls_binding end_point; /* tls-server-end-point, RFC 5929 section 4 */
	struct tls_certificate certificate;
};

/* Append to a message, and take from one: false if it is not well formed. */
void tls_info_put(struct ipc_message *message, const struct tls_info *info);
bool tls_info_get(struct ipc_message *message, struct tls_info *info);

#endif
