/*
 * Looking through text at the speed of memory.  The loops have blocks of a constant size,
 * of which compilers make vector instructions: the least that the architecture has, and
 * for x86-64 a second copy with AVX2 that is chosen when the program runs.
 */
#ifndef SCAN_H
#define SCAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* How many LFs in p[1..n) have no CR before them.  n is at least 1. */
uint64_t scan_bare(const unsigned char *p, size_t n);

/* What scan_text() saw: added to what is there. */
struct scan_seen {
	uint64_t bare; /* LFs that have no CR before them, not counting the first octet */
	bool cr;       /* a CR was among the octets */
};

/*
 * The offset of the first octet behind an LF in p[0..n) that is `first`; n if there is
 * none.  So p[0] itself is never found.  Seen are the octets before that one.
 */
size_t scan_text(
	const unsigned char *p, size_t n, unsigned char first, struct scan_seen *seen);

/* The same without AVX2, for tests. */
uint64_t scan_bare_portable(const unsigned char *p, size_t n);
size_t scan_text_portable(
	const unsigned char *p, size_t n, unsigned char first, struct scan_seen *seen);

#endif
