/*
 * Words of a client that are longer than a fuzzer would make them.
 */
#ifndef LENGTHEN_H
#define LENGTHEN_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define LENGTHEN_MOST 3u       /* of those that are long */
#define LENGTHEN_OCTETS 43600u /* two are within what a token may be */
#define LENGTHENED(n) ((n) + (size_t)LENGTHEN_MOST * LENGTHEN_OCTETS)

/* Copy n octets, in the place of a '~' base64 of printable ones; returns how many. */
static inline size_t
lengthen(const uint8_t *p, size_t n, uint8_t *text)
{
	unsigned left = LENGTHEN_MOST;
	size_t used = 0;

	for (size_t i = 0; i < n; i++) {
		if (p[i] != '~' || left == 0) {
			text[used++] = p[i];
			continue;
		}
		for (size_t k = 0; k < LENGTHEN_OCTETS; k += 4, used += 4)
			memcpy(text + used, "QUFB", 4);
		left--;
	}
	return used;
}

#endif
