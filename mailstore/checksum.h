/*
 * A checksum that is as fast as memory can be read: XXH3 of 128 bits.  It tells what was
 * torn or changed from what was not.  It is no proof against somebody who makes two texts
 * on purpose, unless the seed is secret to them.
 */
#ifndef CHECKSUM_H
#define CHECKSUM_H

#include <stddef.h>
#include <stdint.h>

#define CHECKSUM_SIZE 16u

struct checksum; /* private */

/* NULL if out of memory. */
struct checksum *checksum_new(void);
/* checksum may be NULL. */
void checksum_free(struct checksum *checksum);

void checksum_begin(struct checksum *checksum, uint64_t seed);
void checksum_add(struct checksum *checksum, const void *p, size_t n);
/* The same with the vectors that every processor has, for tests. */
void checksum_add_portable(struct checksum *checksum, const void *p, size_t n);

/* Of all that was added since checksum_begin(); the same on every architecture. */
void checksum_end(const struct checksum *checksum, unsigned char sum[CHECKSUM_SIZE]);

/* Of one piece of memory, seed 0. */
void checksum_of(const void *p, size_t n, unsigned char sum[CHECKSUM_SIZE]);

/* The same, in 64 bits. */
uint64_t checksum_short(const void *p, size_t n);

#endif
