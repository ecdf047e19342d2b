/*
 * zlib checks header, CRC and length of each member (RFC 1952); its window is 32 KiB.
 */
#define ZLIB_CONST

#include "mailstore/decoder_codec.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <zlib.h>

#define GZIP_ONLY 16 /* added to the window's logarithm: a gzip header must come */

static void *
gzip_open(void)
{
	z_stream *z = calloc(1, sizeof(*z));

	if (z != NULL && inflateInit2(z, MAX_WBITS + GZIP_ONLY) != Z_OK) {
		free(z);
		z = NULL;
	}
	if (z == NULL)
		errno = ENOMEM;
	return z;
}

static bool
gzip_begin(void *state, const unsigned char *p, size_t n)
{
	(void)p;
	(void)n;
	return inflateReset(state) == Z_OK;
}

static uInt
clamp(size_t n)
{
	return n < UINT_MAX ? (uInt)n : UINT_MAX;
}

static enum decoder_status
gzip_run(void *state, struct codec_input *in, struct codec_output *out, bool *whole)
{
	z_stream *z = state;
	int result;

	z->next_in = in->p;
	z->avail_in = clamp(in->n);
	z->next_out = out->p;
	z->avail_out = clamp(out->n);
	result = inflate(z, Z_NO_FLUSH);
	in->n -= (size_t)(z->next_in - in->p);
	in->p = z->next_in;
	out->n -= (size_t)(z->next_out - out->p);
	out->p = z->next_out;
	*whole = result == Z_STREAM_END;
	if (result == Z_MEM_ERROR) {
		errno = ENOMEM;
		return DECODER_ERRNO;
	}
	/* A buffer error says no more than that there was nothing to do. */
	return *whole || result == Z_OK || result == Z_BUF_ERROR ? DECODER_OK
								 : DECODER_DAMAGED;
}

static void
gzip_close(void *state)
{
	(void)inflateEnd(state);
	free(state);
}

const struct decoder_codec decoder_gzip = {gzip_open, gzip_begin, gzip_run, gzip_close};
