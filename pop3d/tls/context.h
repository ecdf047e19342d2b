/*
 * OpenSSL's context: made once, used for any number of handshakes.
 */
#ifndef TLS_CONTEXT_H
#define TLS_CONTEXT_H

#include <openssl/ssl.h>

#include "pop3d/tls/material.h"
#include "pop3d/tls/report.h"
#include "pop3d/tls/setup.h"
#include "pop3d/tls/tickets.h"

struct tls_context; /* holds contexts by name, and what they refer to */

/*
 * Make it from what was read; needs no file and no privileges, but the key process
 * (key_client_use()).  Material and setup must outlive it, the ticket keys are copied.
 * Contexts for the names of tls.sni are made when a client asks for one.  NULL, with
 * every problem reported, if any part cannot be used.
 */
struct tls_context *tls_context_make(struct material *material,
	const struct tls_setup *setup, const struct ticket_keys *keys,
	const struct tls_report *report);

/* Make those for all names now.  False, with every problem reported, if one cannot be. */
bool tls_context_make_all(struct tls_context *context, const struct tls_report *report);

/* Use other ticket keys from the next handshake on. */
void tls_context_set_tickets(struct tls_context *context, const struct ticket_keys *keys);

/* A connection of its own, to be freed with SSL_free(); NULL if out of memory. */
SSL *tls_context_connection(struct tls_context *context);

void tls_context_free(struct tls_context *context);

#endif
