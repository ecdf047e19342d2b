/*
 * All of xxhash.h is compiled once more here, for processors that have AVX2.  The state
 * is the same for every kind of vector.
 */
#include "mailstore/processor.h"

#if defined(PROCESSOR_X86)
#include <immintrin.h>
#define XXH_VECTOR XXH_AVX2 /* which xxhash.h defines */
#if defined(__clang__)
#pragma clang attribute push(__attribute__((target("avx2"))), apply_to = function)
#else
#pragma GCC push_options
#pragma GCC target("avx2")
#endif
#endif

#include "mailstore/checksum_state.h"

void
checksum_add_avx2(struct checksum *checksum, const void *p, size_t n)
{
	(void)XXH3_128bits_update(&checksum->state, p, n);
}

#if defined(PROCESSOR_X86) && defined(__clang__)
#pragma clang attribute pop
#elif defined(PROCESSOR_X86)
#pragma GCC pop_options
#endif
