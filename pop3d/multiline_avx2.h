/*
 * The encoder of multi-line replies for processors with AVX2: a second copy of what
 * multiline.c does, for the bulk of a message.
 */
#ifndef MULTILINE_AVX2_H
#define MULTILINE_AVX2_H

#include "pop3d/multiline.h"

/*
 * As multiline_encode(), but stops where less than a whole vector is left of what there
 * is, or of the room.  There is one where PROCESSOR_X86 is defined, for processors that
 * processor_has_avx2().
 */
size_t multiline_encode_avx2(struct multiline *m, const unsigned char *p, size_t n,
	size_t *used, unsigned char *out, size_t cap);

#endif
