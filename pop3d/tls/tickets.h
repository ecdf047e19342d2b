/*
 * Keys of session tickets (RFC 5077, RFC 8446 section 4.6.1), shared by all processes of
 * a host, or by several hosts: a client that returns is resumed by whoever serves it.
 *
 * A file of 80 octets a key, the newest first: 16 octets of name, 32 for AES-256, 32 for
 * HMAC-SHA-256.  The one in the run directory is made and rotated here; one that the
 * configuration names is the administrator's, and is only read.
 */
#ifndef TLS_TICKETS_H
#define TLS_TICKETS_H

#include <openssl/ssl.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/stat.h>
#include <time.h>

#include "pop3d/tls/setup.h"

#define TICKET_KEY_OCTETS 80u
#define TICKET_KEYS_MAX 4u

struct ticket_keys {
	size_t n; /* 0: no tickets */
	unsigned char keys[TICKET_KEYS_MAX][TICKET_KEY_OCTETS];
	struct stat seen; /* of the file; all zero: there was none */
	time_t made;      /* when the first key began to serve */
};

/*
 * Read the keys with the rights of root; make or rotate the file in the run directory
 * when it is missing, not safe or older than the lifetime.  Returns NULL, or a constant
 * text that says why others cannot use the same keys: then they are random, or there are
 * none (n 0) if it was the administrator's file.
 */
const char *ticket_keys_load(const struct tls_setup *setup, struct ticket_keys *keys);

/* True if the file has changed, or is due for rotation. */
bool ticket_keys_are_stale(const struct tls_setup *setup, const struct ticket_keys *keys);

/*
 * Have a context issue and take tickets with *keys, which must outlive it and may
 * change; n 0: no tickets.  A session that showed a client certificate is not resumed,
 * so that a revoked one ends at once.
 */
bool ticket_keys_install(SSL_CTX *ctx, const struct ticket_keys *keys, uint64_t lifetime);

#endif
