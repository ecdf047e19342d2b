/*
 * zstd checks the length that a frame gives and its checksum, where it has them
 * (RFC 8878 section 3.1.1).  The window that a frame asks for is memory here.
 */
#include "mailstore/decoder_codec.h"

#include <errno.h>
#include <stdint.h>
#include <zstd.h>
#include <zstd_errors.h>

#define WINDOW_LOG_MAX 27 /* 128 MiB: what the highest level of the zstd program uses */

#define MAGIC_FRAME 0xFD2FB528u
#define MAGIC_SKIPPABLE 0x184D2A50u /* and the 15 behind it */

static void *
zstd_open(void)
{
	ZSTD_DCtx *z = ZSTD_createDCtx();

	if (z != NULL && ZSTD_isError(ZSTD_DCtx_setParameter(
				 z, ZSTD_d_windowLogMax, WINDOW_LOG_MAX))) {
		(void)ZSTD_freeDCtx(z);
		z = NULL;
	}
	if (z == NULL)
		errno = ENOMEM;
	return z;
}

/* The library reads formats of before version 0.8 as well, with older code. */
static bool
zstd_begin(void *state, const unsigned char *p, size_t n)
{
	uint32_t magic;

	if (n < 4)
		return false;
	magic = (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 |
		(uint32_t)p[3] << 24;
	if (magic != MAGIC_FRAME && (magic & 0xFFFFFFF0u) != MAGIC_SKIPPABLE)
		return false;
	return !ZSTD_isError(ZSTD_DCtx_reset(state, ZSTD_reset_session_only));
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

static enum decoder_status
zstd_run(void *state, struct codec_input *in, struct codec_output *out, bool *whole)
{
	ZSTD_inBuffer input = {.src = in->p, .size = in->n};
	ZSTD_outBuffer output = {.dst = out->p, .size = out->n};
	const size_t result = ZSTD_decompressStream(state, &output, &input);

	in->p += input.pos;
	in->n -= input.pos;
	out->p += output.pos;
	out->n -= output.pos;
	*whole = result == 0;
	return zstd_status(result);
}

static void
zstd_close(void *state)
{
	(void)ZSTD_freeDCtx(state);
}

const struct decoder_codec decoder_zstd = {zstd_open, zstd_begin, zstd_run, zstd_close};
