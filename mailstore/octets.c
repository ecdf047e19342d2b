#include "mailstore/octets.h"

#include <stdbool.h>

/* Large enough for whole vectors, small enough that an 8-bit sum cannot overflow. */
#define BLOCK 128u

/*
 * One line feed in p[1..n] that has no CR before it costs one octet more on the wire.
 * p[0] is what stands before.  Blocks of a constant size with an 8-bit sum are what lets
 * a compiler use vector instructions; a message of nothing but line feeds runs as fast as
 * any other.
 */
static uint64_t
count_bare(const unsigned char *p, size_t n)
{
	uint64_t bare = 0;

	for (; n >= BLOCK; p += BLOCK, n -= BLOCK) {
		unsigned char sum = 0;

		for (size_t i = 0; i < BLOCK; i++)
			sum = (unsigned char)(sum +
					      ((p[i + 1] == '\n') & (p[i] != '\r')));
		bare += sum;
	}
	for (; n > 0; p++, n--)
		bare += (p[1] == '\n') & (p[0] != '\r');
	return bare;
}

void
octets_add(struct octets *o, const unsigned char *p, size_t n)
{
	if (n == 0)
		return;
	o->count += n + (p[0] == '\n' && o->last != '\r') + count_bare(p, n - 1);
	o->last = p[n - 1];
	o->any = true;
}

uint64_t
octets_total(const struct octets *o)
{
	if (!o->any || o->last == '\n')
		return o->count;
	return o->count + 2;
}
