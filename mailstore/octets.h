/*
 * Counts what a message will be on the wire: every line end as CRLF, one added to a
 * last line without, no dot-stuffing (RFC 1939 section 11).
 */
#ifndef OCTETS_H
#define OCTETS_H

#include <stddef.h>
#include <stdint.h>

/* Start with zeroed memory. */
struct octets {
	uint64_t count;
	unsigned char last; /* the byte before, 0 at the start */
	unsigned char any;  /* not empty */
};

/* Add the next n stored bytes, in chunks of any size. */
void octets_add(struct octets *o, const unsigned char *p, size_t n);

/* The same of at least one byte, where scan_bare() of them is known. */
void octets_add_seen(struct octets *o, const unsigned char *p, size_t n, uint64_t bare);

/* The sum, once all bytes are added.  An empty message has none. */
uint64_t octets_total(const struct octets *o);

#endif
