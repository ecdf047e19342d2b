/*
 * Compressed files, for unit tests.
 */
#ifndef COMPRESSED_FIXTURE_H
#define COMPRESSED_FIXTURE_H

#include <stddef.h>
#include <stdint.h>

#include "mailstore/decoder.h"

/* One whole file, or more of it behind what is there. */
struct compressed {
	unsigned char p[400000];
	size_t n;
};

typedef void compressed_add(struct compressed *file, const void *text, size_t n);

/* Add a gzip member, or a zstd frame with a checksum. */
compressed_add compressed_gzip, compressed_zstd;

/* Add bytes as they are. */
compressed_add compressed_raw;

/* Text that compresses badly, with line ends in it; the same each time. */
void compressed_text(char *text, size_t n);

/* A descriptor of an unnamed file with these bytes. */
int compressed_file(const void *bytes, size_t n);

/* What compressed_decode() made of a file. */
#define COMPRESSED_TEXT 300000u
extern char compressed_got[COMPRESSED_TEXT + 1];

/* Decode the first `size` bytes in pieces of at most cap; *n is how much came of it. */
enum decoder_status compressed_decode(
	const struct compressed *file, size_t size, size_t cap, uint64_t max, size_t *n);

/* The whole file must be this text. */
void compressed_assert_text(
	const struct compressed *file, size_t cap, const void *text, size_t n);

/* However it is read, it must fail like this. */
void compressed_assert_fails(const struct compressed *file, enum decoder_status status);

#endif
