#include "mailstore/block.h"

#include <stdint.h>
#include <stdlib.h>

void *
block_new(size_t n)
{
	const size_t mask = BLOCK_ALIGNMENT - 1;

	if (n == 0 || n > SIZE_MAX - mask)
		return NULL;
	return aligned_alloc(BLOCK_ALIGNMENT, (n + mask) & ~mask);
}
