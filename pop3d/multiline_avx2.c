#include "pop3d/multiline_avx2.h"

#include "mailstore/processor.h"

#if defined(PROCESSOR_X86)

#include <immintrin.h>

#define VECTOR sizeof(__m256i)

/*
 * A line is copied while its end is looked for: what is written behind the end is
 * written over by what follows.
 */
PROCESSOR_AVX2 size_t
multiline_encode_avx2(struct multiline *m, const unsigned char *p, size_t n, size_t *used,
	unsigned char *out, size_t cap)
{
	const __m256i lf = _mm256_set1_epi8('\n');
	size_t in = 0, written = 0, stuffed = 0;
	bool start = !m->in_line, after_cr = m->after_cr;

	/* A dot and a vector, or what is there of one before the end of a line. */
	while (n - in >= VECTOR && cap - written >= VECTOR + 2) {
		if (start && p[in] == '.') {
			out[written++] = '.';
			stuffed++;
		}
		const __m256i octets = _mm256_loadu_si256((const __m256i *)(p + in));
		_mm256_storeu_si256((__m256i *)(out + written), octets);
		const unsigned ends =
			(unsigned)_mm256_movemask_epi8(_mm256_cmpeq_epi8(octets, lf));
		const size_t text = ends != 0 ? (size_t)__builtin_ctz(ends) : VECTOR;

		in += text;
		written += text;
		if (text > 0)
			after_cr = p[in - 1] == '\r';
		start = ends != 0;
		if (!start)
			continue;
		if (!after_cr)
			out[written++] = '\r';
		out[written++] = '\n';
		in++;
		after_cr = false;
	}
	m->in_line = !start;
	m->after_cr = after_cr;
	m->octets += written - stuffed;
	*used = in;
	return written;
}

#endif
