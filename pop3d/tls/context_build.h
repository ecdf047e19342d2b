/*
 * The inside of a context, shared by its files only.
 */
#ifndef TLS_CONTEXT_BUILD_H
#define TLS_CONTEXT_BUILD_H

#include "pop3d/tls/context.h"

struct staple {
	X509 *certificate; /* that it is about */
	unsigned char *data;
	size_t n;
	time_t until; /* it must not be used later */
};

struct tls_context {
	struct material *material;
	const struct tls_setup *setup;
	struct ticket_keys keys;
	SSL_CTX *main;   /* for all who ask for no name, or for one that is not here */
	SSL_CTX **named; /* one a pair of the material; NULL: not asked for yet */
	struct staple *staples;
	size_t n_staples;
};

/* Report what is wrong, with OpenSSL's reason for it. */
void tls_context_fault(
	const struct tls_report *report, const char *key, const char *what);

/* context_options.c: what all contexts have in common.  False: it has been reported. */
bool tls_context_options(
	SSL_CTX *ctx, const struct tls_setup *setup, const struct tls_report *report);

/* context_pair.c: what a file in PEM form holds; to be freed. */
BIO *tls_context_pem(const struct material_file *file);

/* A pem_password_cb: there is nobody to ask.  argument: a bool that it was, or NULL. */
int tls_context_no_password(char *buf, int size, int write, void *argument);

/* After a read that failed: true if nothing more was there; then nothing has failed. */
bool tls_context_pem_ended(void);

/* context_clients.c: who may sign clients' certificates. */
bool tls_context_clients(
	SSL_CTX *ctx, const struct tls_context *context, const struct tls_report *report);

/* context_pair.c: use a certificate with its chain, key and staple. */
bool tls_context_pair(SSL_CTX *ctx, struct tls_context *context,
	const struct material_pair *pair, const struct tls_report *report);

/* context_staple.c: keep a response for a certificate; send the one that fits. */
bool tls_context_staple_add(struct tls_context *context, X509 *certificate,
	const struct material_file *file, const struct tls_report *report);
int tls_context_staple(SSL *ssl, void *context);

#endif
