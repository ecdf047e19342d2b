#include "mailstore/scan.h"

#include <stdbool.h>

#if defined(__x86_64__) && defined(__has_include)
#if __has_include(<sys/platform/x86.h>)
#include <sys/platform/x86.h>
#endif
#endif

/* Large enough for whole vectors, small enough that an 8-bit sum cannot overflow. */
#define BLOCK 128u

#define INLINE static inline __attribute__((always_inline))

/* The offset of the first block in which there may be such a line; near n: none left. */
INLINE size_t
skip_blocks(const unsigned char *p, size_t n, unsigned char first)
{
	size_t at = 0;

	for (; n - at > BLOCK; at += BLOCK) {
		const unsigned char *q = p + at;
		unsigned char hit = 0;

		for (size_t i = 0; i < BLOCK; i++)
			hit = (unsigned char)(hit |
					      ((q[i] == '\n') & (q[i + 1] == first)));
		if (hit != 0)
			break;
	}
	return at;
}

INLINE size_t
line(const unsigned char *p, size_t n, unsigned char first)
{
	size_t at = skip_blocks(p, n, first);

	for (; at + 1 < n; at++)
		if (p[at] == '\n' && p[at + 1] == first)
			return at + 1;
	return n;
}

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

size_t
scan_line_portable(const unsigned char *p, size_t n, unsigned char first)
{
	return line(p, n, first);
}

uint64_t
scan_bare_portable(const unsigned char *p, size_t n)
{
	return bare(p, n);
}

/*
 * What the loader of programs found out about the processor anyway: to ask the processor
 * costs each connection an instruction that virtual machines have to emulate.
 */
#if defined(__x86_64__) && defined(CPU_FEATURE_ACTIVE)
#define HAS_AVX2() CPU_FEATURE_ACTIVE(AVX2)
#define TARGET __attribute__((target("avx2")))
#else
#define HAS_AVX2() false
#define TARGET
#endif

TARGET static size_t
line_avx2(const unsigned char *p, size_t n, unsigned char first)
{
	return line(p, n, first);
}

TARGET static uint64_t
bare_avx2(const unsigned char *p, size_t n)
{
	return bare(p, n);
}

size_t
scan_line(const unsigned char *p, size_t n, unsigned char first)
{
	return HAS_AVX2() ? line_avx2(p, n, first) : line(p, n, first);
}

uint64_t
scan_bare(const unsigned char *p, size_t n)
{
	return HAS_AVX2() ? bare_avx2(p, n) : bare(p, n);
}
