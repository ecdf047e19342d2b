/*
 * zstd checks the checksum of a frame, where it has one (RFC 8878 section 3.1.1).  The
 * length that a frame gives it checks as well, but not where the last block is empty and
 * the text comes in pieces: so that is done here.  The window that a frame asks for is
 * memory here.
 */
#include "mailstore/decoder_codec.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <zstd.h>
#include <zstd_errors.h>

#define WINDOW_LOG_MAX 27 /* 128 MiB: what the highest level of the zstd program uses */

#define MAGIC_FRAME 0xFD2FB528u
#define MAGIC_SKIPPABLE 0x184D2A50u /* and the 15 behind it */

struct state {
	ZSTD_DCtx *z;
	unsigned long long left; /* of the text; ZSTD_CONTENTSIZE_UNKNOWN */
};

static void
zstd_close(void *state)
{
	struct state *s = state;

	(void)ZSTD_freeDCtx(s->z);
	free(s);
}

static void *
zstd_open(void)
{
	struct state *s = calloc(1, sizeof(*s));

	if (s == NULL)
		return NULL;
	s->z = ZSTD_createDCtx();
	if (s->z != NULL && !ZSTD_isError(ZSTD_DCtx_setParameter(
				    s->z, ZSTD_d_windowLogMax, WINDOW_LOG_MAX)))
		return s;
	zstd_close(s);
	errno = ENOMEM;
	return NULL;
}

/* The library reads formats of before version 0.8 as well, with older code. */
static bool
zstd_begin(void *state, const unsigned char *p, size_t n)
{
	struct state *s = state;
	uint32_t magic;

	if (n < 4)
		return false;
	magic = (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 |
		(uint32_t)p[3] << 24;
	if (magic != MAGIC_FRAME && (magic & 0xFFFFFFF0u) != MAGIC_SKIPPABLE)
		return false;
	s->left = ZSTD_getFrameContentSize(p, n);
	/* What is wrong with the header the library will say. */
	if (s->left == ZSTD_CONTENTSIZE_ERROR)
		s->left = ZSTD_CONTENTSIZE_UNKNOWN;
	return !ZSTD_isError(ZSTD_DCtx_reset(s->z, ZSTD_reset_session_only));
}

static enum decoder_status
zstd_status(size_t result)
{
	if (!ZSTD_isError(result))
		return DECODER_OK;
	switch (ZSTD_getErrorCode(result)) {
	case ZSTD_error_memory_allocation:
		errno = ENOMEM;
		return DECODER_ERRNO;
	case ZSTD_error_frameParameter_unsupported:
	case ZSTD_error_frameParameter_windowTooLarge:
	case ZSTD_error_dictionary_wrong:
		return DECODER_UNSUPPORTED;
	default:
		return DECODER_DAMAGED;
	}
}

/* Count text that has come out; false if it is not as long as the frame says. */
static bool
count(struct state *s, size_t n, bool whole)
{
	if (s->left == ZSTD_CONTENTSIZE_UNKNOWN)
		return true;
	if (n > s->left)
		return false;
	s->left -= n;
	return !whole || s->left == 0;
}

static enum decoder_status
zstd_run(void *state, struct codec_input *in, struct codec_output *out, bool *whole)
{
	struct state *s = state;
	ZSTD_inBuffer input = {.src = in->p, .size = in->n};
	ZSTD_outBuffer output = {.dst = out->p, .size = out->n};
	const size_t result = ZSTD_decompressStream(s->z, &output, &input);

	in->p += input.pos;
	in->n -= input.pos;
	out->p += output.pos;
	out->n -= output.pos;
	*whole = result == 0;
	if (!ZSTD_isError(result) && !count(s, output.pos, *whole))
		return DECODER_DAMAGED;
	return zstd_status(result);
}

const struct decoder_codec decoder_zstd = {zstd_open, zstd_begin, zstd_run, zstd_close};
