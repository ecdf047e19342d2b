#include "tests/unit/compressed_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>

#include <cmocka.h>

char compressed_got[COMPRESSED_TEXT + 1];

void
compressed_gzip(struct compressed *file, const void *text, size_t n)
{
	z_stream z = {0};

	assert_int_equal(
		deflateInit2(&z, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY), Z_OK);
	/* zlib reads it only. */
	z.next_in = (Bytef *)(uintptr_t)text;
	z.avail_in = (uInt)n;
	z.next_out = file->p + file->n;
	z.avail_out = (uInt)(sizeof(file->p) - file->n);
	assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
	file->n += z.total_out;
	assert_int_equal(deflateEnd(&z), Z_OK);
}

void
compressed_zstd(struct compressed *file, const void *text, size_t n)
{
	ZSTD_CCtx *z = ZSTD_createCCtx();
	size_t result;

	assert_non_null(z);
	assert_false(ZSTD_isError(ZSTD_CCtx_setParameter(z, ZSTD_c_checksumFlag, 1)));
	result = ZSTD_compress2(z, file->p + file->n, sizeof(file->p) - file->n, text, n);
	assert_false(ZSTD_isError(result));
	file->n += result;
	ZSTD_freeCCtx(z);
}

void
compressed_raw(struct compressed *file, const void *text, size_t n)
{
	assert_true(n <= sizeof(file->p) - file->n);
	memcpy(file->p + file->n, text, n);
	file->n += n;
}

void
compressed_text(char *text, size_t n)
{
	uint32_t x = 1;

	for (size_t i = 0; i < n; i++) {
		x = x * 1664525u + 1013904223u;
		text[i] = (char)(x >> 24);
	}
}

int
compressed_file(const void *bytes, size_t n)
{
	const int fd = memfd_create("compressed", MFD_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, bytes, n), (ssize_t)n);
	return fd;
}

enum decoder_status
compressed_decode(
	const struct compressed *file, size_t size, size_t cap, uint64_t max, size_t *n)
{
	const int fd = compressed_file(file->p, size);
	enum decoder_status status;
	struct decoder d;
	size_t piece;

	*n = 0;
	decoder_open(&d, fd, size, max);
	do {
		const size_t room = sizeof(compressed_got) - *n;

		assert_true(room > 0);
		status = decoder_read(
			&d, compressed_got + *n, cap < room ? cap : room, &piece);
		*n += piece;
	} while (piece > 0);
	/* An end stays the end, and a failure a failure. */
	assert_int_equal(decoder_read(&d, compressed_got + *n, 1, &piece), status);
	assert_int_equal(piece, 0);
	decoder_close(&d);
	assert_int_equal(close(fd), 0);
	return status;
}

void
compressed_assert_text(
	const struct compressed *file, size_t cap, const void *text, size_t n)
{
	size_t size;

	assert_int_equal(compressed_decode(file, file->n, cap, 0, &size), DECODER_OK);
	assert_int_equal(size, n);
	assert_memory_equal(compressed_got, text, n);
}

void
compressed_assert_fails(const struct compressed *file, enum decoder_status status)
{
	static const size_t caps[] = {1, 100, 65536};

	for (size_t i = 0; i < sizeof(caps) / sizeof(caps[0]); i++) {
		size_t n;

		assert_int_equal(
			compressed_decode(file, file->n, caps[i], 0, &n), status);
	}
}
