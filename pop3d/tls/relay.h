/*
 * One TLS connection: its handshake, then octets both ways until both have ended.
 */
#ifndef TLS_RELAY_H
#define TLS_RELAY_H

#include <openssl/ssl.h>

#include "pop3d/tls/setup.h"

/*
 * Give up every privilege.  NULL, or a constant text that says what failed; the process
 * must then exit.
 */
const char *relay_confine(const struct tls_setup *setup);

/* Tell the monitor that there will be no TLS, and why. */
void relay_refuse(const char *detail);

/* Run it to its end; the exit status.  The process must then exit. */
int relay_run(SSL *ssl, const struct tls_setup *setup);

#endif
