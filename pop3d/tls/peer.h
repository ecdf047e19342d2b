/*
 * What a finished handshake tells of the connection and of the client.
 */
#ifndef TLS_PEER_H
#define TLS_PEER_H

#include <openssl/ssl.h>

#include "pop3d/tls/info.h"

/* Fill from a connection whose handshake is done; what cannot be had is empty. */
void tls_peer_describe(SSL *ssl, struct tls_info *info);

/*
 * What a certificate of the server binds to (RFC 5929 section 4.1): its hash, by that of
 * its signature, but never by a weak one.  None if the signature has no hash.
 */
void tls_peer_end_point(X509 *certificate, struct tls_binding *binding);

#endif
