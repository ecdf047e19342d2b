/*
 * Octets between a TLS connection and a stream socket, both ways at once, in bounded
 * memory: what one side does not take is not read from the other.
 */
#ifndef TLS_PUMP_H
#define TLS_PUMP_H

#include <openssl/ssl.h>
#include <stdbool.h>
#include <stdint.h>

/*
 * Run until the inner side has ended and all of it has been sent, with close_notify
 * behind it; or until the client is gone, or has taken nothing for stall_seconds, or not
 * all of it stall_seconds after the inner side has ended.  All descriptors must be
 * non-blocking.  The client's end is passed on as the end of input.  At most once in a
 * process.
 */
void pump_run(SSL *ssl, int in, int out, int inner, uint64_t stall_seconds);

#endif
