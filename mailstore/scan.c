#include "mailstore/scan.h"

#include <string.h>

#include "mailstore/processor.h"

/* Large enough for whole vectors, small enough that an 8-bit sum cannot overflow. */
#define BLOCK 128u

#define INLINE static inline __attribute__((always_inline))

/*
 * A message of nothing but line feeds runs as fast as any other, since no line end is
 * looked for.
 */
INLINE uint64_t
bare(const unsigned char *p, size_t n)
{
	uint64_t count = 0;

	for (; n > BLOCK; p += BLOCK, n -= BLOCK) {
		unsigned char sum = 0;

		for (size_t i = 0; i < BLOCK; i++)
			sum = (unsigned char)(sum +
					      ((p[i + 1] == '\n') & (p[i] != '\r')));
		count += sum;
	}
	for (; n > 1; p++, n--)
		count += (p[1] == '\n') & (p[0] != '\r');
	return count;
}

/* Both at once: memory is what such a loop waits for. */
INLINE size_t
text(const unsigned char *p, size_t n, unsigned char first, struct scan_seen *seen)
{
	size_t at = 0;

	for (; n - at > BLOCK; at += BLOCK) {
		const unsigned char *q = p + at;
		unsigned char hit = 0, cr = 0, sum = 0;

		for (size_t i = 0; i < BLOCK; i++) {
			hit = (unsigned char)(hit |
					      ((q[i] == '\n') & (q[i + 1] == first)));
			cr = (unsigned char)(cr | (q[i] == '\r'));
			sum = (unsigned char)(sum +
					      ((q[i + 1] == '\n') & (q[i] != '\r')));
		}
		if (hit != 0)
			break;
		seen->cr = seen->cr || cr != 0;
		seen->bare += sum;
	}
	for (; at + 1 < n; at++) {
		if (p[at] == '\n' && p[at + 1] == first)
			return at + 1;
		seen->cr = seen->cr || p[at] == '\r';
		seen->bare += (p[at + 1] == '\n') & (p[at] != '\r');
	}
	seen->cr = seen->cr || (n > 0 && p[n - 1] == '\r');
	return n;
}

uint64_t
scan_bare_portable(const unsigned char *p, size_t n)
{
	return bare(p, n);
}

size_t
scan_text_portable(
	const unsigned char *p, size_t n, unsigned char first, struct scan_seen *seen)
{
	return text(p, n, first, seen);
}

PROCESSOR_AVX2 static uint64_t
bare_avx2(const unsigned char *p, size_t n)
{
	return bare(p, n);
}

#if defined(PROCESSOR_X86)

typedef unsigned char octets __attribute__((vector_size(32)));
typedef uint64_t words __attribute__((vector_size(32)));

PROCESSOR_AVX2 INLINE octets
load(const unsigned char *p)
{
	octets v;

	memcpy(&v, p, sizeof v);
	return v;
}

PROCESSOR_AVX2 INLINE bool
any(octets v)
{
	const words w = (words)v;

	return (w[0] | w[1] | w[2] | w[3]) != 0;
}

/* Of octets whose sum is less than 256. */
PROCESSOR_AVX2 INLINE uint64_t
sum_up(octets v)
{
	const words w = (words)v;

	return ((w[0] + w[1] + w[2] + w[3]) * UINT64_C(0x0101010101010101)) >> 56;
}

/* Compilers need half as long again for what text() says: here truth is all ones. */
PROCESSOR_AVX2 static size_t
text_avx2(const unsigned char *p, size_t n, unsigned char first, struct scan_seen *seen)
{
	octets crs = {0};
	size_t at = 0;

	for (; n - at > BLOCK; at += BLOCK) {
		octets hit = {0}, sum = {0}, block_crs = {0};

		for (size_t i = 0; i < BLOCK; i += sizeof(octets)) {
			const octets here = load(p + at + i), next = load(p + at + i + 1);
			const octets cr = (octets)(here == '\r');

			hit |= (octets)(here == '\n') & (octets)(next == first);
			sum -= (octets)(next == '\n') & ~cr;
			block_crs |= cr;
		}
		if (any(hit))
			break;
		seen->bare += sum_up(sum);
		crs |= block_crs;
	}
	seen->cr = seen->cr || any(crs);
	return at + text(p + at, n - at, first, seen);
}

#endif

uint64_t
scan_bare(const unsigned char *p, size_t n)
{
	return processor_has_avx2() ? bare_avx2(p, n) : bare(p, n);
}

size_t
scan_text(const unsigned char *p, size_t n, unsigned char first, struct scan_seen *seen)
{
#if defined(PROCESSOR_X86)
	if (processor_has_avx2())
		return text_avx2(p, n, first, seen);
#endif
	return text(p, n, first, seen);
}
