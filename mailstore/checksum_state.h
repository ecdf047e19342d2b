/*
 * The inside of a checksum, shared by checksum.c and its second copy of the function that
 * meets all octets.
 */
#ifndef CHECKSUM_STATE_H
#define CHECKSUM_STATE_H

#include <stdbool.h>
#include <stddef.h>

/* No library to link: a connection pays for each one. */
#define XXH_INLINE_ALL
#include <xxhash.h>

struct checksum {
	XXH3_state_t state;
	bool avx2; /* what processor_has_avx2() said; to ask costs as much as a line */
};

/* checksum_add() with vectors of AVX2: only where processor_has_avx2(). */
void checksum_add_avx2(struct checksum *checksum, const void *p, size_t n);

#endif
