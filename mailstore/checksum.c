#include "mailstore/checksum.h"

#include <stdlib.h>
#include <string.h>

#include "mailstore/checksum_state.h"
#include "mailstore/processor.h"

static void
put(XXH128_hash_t hash, unsigned char sum[CHECKSUM_SIZE])
{
	XXH128_canonical_t canonical;

	XXH128_canonicalFromHash(&canonical, hash);
	memcpy(sum, canonical.digest, CHECKSUM_SIZE);
}

struct checksum *
checksum_new(void)
{
	/* XXH3 wants an alignment that malloc does not promise. */
	struct checksum *checksum =
		aligned_alloc(_Alignof(struct checksum), sizeof(struct checksum));

	if (checksum == NULL)
		return NULL;
	/* Else a seed that chance left in that memory is taken for one that was set. */
	XXH3_INITSTATE(&checksum->state);
	checksum->avx2 = processor_has_avx2();
	return checksum;
}

void
checksum_free(struct checksum *checksum)
{
	free(checksum);
}

void
checksum_begin(struct checksum *checksum, uint64_t seed)
{
	(void)XXH3_128bits_reset_withSeed(&checksum->state, seed);
}

void
checksum_add_portable(struct checksum *checksum, const void *p, size_t n)
{
	(void)XXH3_128bits_update(&checksum->state, p, n);
}

void
checksum_add(struct checksum *checksum, const void *p, size_t n)
{
	if (checksum->avx2)
		checksum_add_avx2(checksum, p, n);
	else
		checksum_add_portable(checksum, p, n);
}

void
checksum_end(const struct checksum *checksum, unsigned char sum[CHECKSUM_SIZE])
{
	put(XXH3_128bits_digest(&checksum->state), sum);
}

void
checksum_of(const void *p, size_t n, unsigned char sum[CHECKSUM_SIZE])
{
	put(XXH3_128bits(p, n), sum);
}

uint64_t
checksum_short(const void *p, size_t n)
{
	return XXH3_64bits(p, n);
}
