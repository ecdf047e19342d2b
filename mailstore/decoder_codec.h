/*
 * What decoder.c needs of one kind of compression.
 */
#ifndef DECODER_CODEC_H
#define DECODER_CODEC_H

#include <stdbool.h>
#include <stddef.h>

#include "mailstore/decoder.h"

struct codec_input {
	const unsigned char *p;
	size_t n; /* not consumed yet */
};

struct codec_output {
	unsigned char *p;
	size_t n; /* room left */
};

#define CODEC_HEAD 18u /* of the longest header of a zstd frame */

struct decoder_codec {
	/* NULL, with errno: out of memory. */
	void *(*open)(void);
	/*
	 * Get ready for a member or frame that begins with these bytes: CODEC_HEAD at
	 * least, or all there are.  False: that is none.
	 */
	bool (*begin)(void *state, const unsigned char *p, size_t n);
	/*
	 * Consume input, if there is any, and produce output, as far as there is room.
	 * *whole: the member or frame has ended, and all its text is out.
	 */
	enum decoder_status (*run)(void *state, struct codec_input *in,
		struct codec_output *out, bool *whole);
	void (*close)(void *state);
};

extern const struct decoder_codec decoder_gzip, decoder_zstd;

#endif
