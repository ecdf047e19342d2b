/*
 * What a finished handshake tells of the connection and of the client.
 */
#ifndef TLS_PEER_H
#define TLS_PEER_H

#include <openssl/ssl.h>

#include "pop3d/tls/info.h"

/* Fill from a connection whose handshake is done; what cannot be had is empty. */
void tls_peer_describe(SSL *ssl, struct tls_info *info);

#endif
