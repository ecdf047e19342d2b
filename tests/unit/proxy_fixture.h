/*
 * Binary PROXY headers for unit tests, and what the parser makes of them.
 */
#ifndef PROXY_FIXTURE_H
#define PROXY_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "pop3d/proxy.h"

#define HEADER_LOCAL 0x20
#define HEADER_PROXY 0x21

/* The header that is being built, its fixed part without the length. */
extern unsigned char header_octets[2 * PROXY_HEADER_MAX];
extern size_t header_n;

extern struct proxy_header header; /* of the last parse */
extern size_t header_wanted;

/* Parse octets in a copy that ends where it ends, for the sanitizers to watch. */
enum proxy_status header_parse(const void *p, size_t n, enum proxy_versions versions);

/* Begin a header, or one of PROXY from 192.0.2.1:1024 to 192.0.2.2:110. */
void header_begin(unsigned command, unsigned family);
void header_begin_inet(void);

void header_add(const void *p, size_t n);
void header_tlv(unsigned type, const void *value, size_t n);
void header_tlv_text(unsigned type, const char *text);
void header_set_length(size_t length);

/* Parse the first n octets of what was built. */
enum proxy_status header_first(size_t n);

/*
 * Set the right length and parse the whole.  Every shorter beginning must be one, or be
 * as bad as the whole, and want no more than there is.
 */
enum proxy_status header_finish(void);

/* CRC32c, by another algorithm than the parser's. */
uint32_t header_crc32c(const unsigned char *p, size_t n);

/* Write a checksum of the whole, of which the four octets are zero, there. */
void header_put_crc(size_t at);

void header_expect(const struct address *address, const char *text, uint16_t port);

#endif
