#include "mailstore/decoder.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/unit/compressed_fixture.h"
#include "tests/unit/tests.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static compressed_add *const kinds[] = {compressed_gzip, compressed_zstd};

static const char mail[] =
	"Subject: x\r\n\nfirst\n.second\r\n\xe4\xb6\nlast, without end";
#define MAIL_SIZE (sizeof(mail) - 1)

static struct compressed file;
static char text[COMPRESSED_TEXT];

static int
set_up(void **state)
{
	(void)state;
	file.n = 0;
	compressed_text(text, sizeof(text));
	return 0;
}

static const size_t caps[] = {1, 2, 3, 15, 16, 17, 4095, 65536, 100000};
static const size_t sizes[] = {0, 1, 2, 3, 15, 16, 17, 4096, 32767, 32768, 32769, 65535,
	65536, 65537, 131072, 250000};

static void
test_plain(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(sizes); i++)
		for (size_t k = 0; k < COUNT(caps); k++) {
			file.n = 0;
			compressed_raw(&file, text, sizes[i]);
			compressed_assert_text(&file, caps[k], text, sizes[i]);
		}
}

static void
test_every_size(void **state)
{
	(void)state;
	for (size_t kind = 0; kind < COUNT(kinds); kind++)
		for (size_t i = 0; i < COUNT(sizes); i++) {
			file.n = 0;
			kinds[kind](&file, text, sizes[i]);
			for (size_t k = 0; k < COUNT(caps); k++)
				compressed_assert_text(&file, caps[k], text, sizes[i]);
		}
}

/* Text that compresses well: the other way round, a little input makes much of it. */
static void
test_dense(void **state)
{
	(void)state;
	memset(text, '\n', sizeof(text));
	for (size_t kind = 0; kind < COUNT(kinds); kind++) {
		file.n = 0;
		kinds[kind](&file, text, sizeof(text));
		assert_true(file.n < 2000);
		for (size_t k = 0; k < COUNT(caps); k++)
			compressed_assert_text(&file, caps[k], text, sizeof(text));
	}
}

static void
test_every_cap(void **state)
{
	(void)state;
	for (size_t kind = 0; kind < COUNT(kinds); kind++) {
		file.n = 0;
		kinds[kind](&file, mail, MAIL_SIZE);
		for (size_t cap = 1; cap < MAIL_SIZE + 3; cap++)
			compressed_assert_text(&file, cap, mail, MAIL_SIZE);
	}
}

/* The border of the input buffer, wherever it is between two members. */
static void
test_borders(void **state)
{
	(void)state;
	for (size_t kind = 0; kind < COUNT(kinds); kind++)
		for (size_t n = 32710; n < 32790; n++) {
			file.n = 0;
			kinds[kind](&file, text, n);
			compressed_assert_text(&file, 65536, text, n);
			kinds[kind](&file, text + n, 30);
			compressed_assert_text(&file, 65536, text, n + 30);
		}
}

static void
test_parts(void **state)
{
	(void)state;
	for (size_t kind = 0; kind < COUNT(kinds); kind++) {
		file.n = 0;
		kinds[kind](&file, "", 0);
		kinds[kind](&file, text, 10);
		kinds[kind](&file, "", 0);
		kinds[kind](&file, "", 0);
		kinds[kind](&file, text + 10, 70000);
		kinds[kind](&file, "", 0);
		for (size_t k = 0; k < COUNT(caps); k++)
			compressed_assert_text(&file, caps[k], text, 70010);
		/* The text ends where a piece does, and more members follow. */
		compressed_assert_text(&file, 10, text, 70010);
	}
}

static void
test_many_empty_parts(void **state)
{
	(void)state;
	for (size_t kind = 0; kind < COUNT(kinds); kind++) {
		file.n = 0;
		for (size_t i = 0; i < 15000; i++)
			kinds[kind](&file, "", 0);
		kinds[kind](&file, "x", 1);
		compressed_assert_text(&file, 10, "x", 1);
	}
}

/* RFC 8878 section 3.1.2: user data between frames. */
static void
test_skippable_frames(void **state)
{
	(void)state;
	compressed_zstd(&file, mail, 5);
	compressed_raw(&file, "\x50\x2a\x4d\x18\x03\0\0\0abc", 11);
	compressed_raw(&file, "\x5f\x2a\x4d\x18\0\0\0\0", 8);
	compressed_zstd(&file, mail + 5, MAIL_SIZE - 5);
	compressed_raw(&file, "\x51\x2a\x4d\x18\x01\0\0\0a", 9);
	for (size_t cap = 1; cap < MAIL_SIZE + 3; cap++)
		compressed_assert_text(&file, cap, mail, MAIL_SIZE);
	file.n--;
	compressed_assert_fails(&file, DECODER_DAMAGED);
}

static void
test_limit(void **state)
{
	(void)state;
	for (size_t kind = 0; kind < COUNT(kinds); kind++)
		for (size_t k = 0; k < COUNT(caps); k++) {
			size_t n;

			file.n = 0;
			kinds[kind](&file, text, 50000);
			kinds[kind](&file, text, 50000);
			assert_int_equal(
				compressed_decode(&file, file.n, caps[k], 100000, &n),
				DECODER_OK);
			assert_int_equal(n, 100000);
			assert_int_equal(
				compressed_decode(&file, file.n, caps[k], 99999, &n),
				DECODER_LARGE);
			assert_true(n <= 99999);
		}
	/* It holds for what is decompressed. */
	file.n = 0;
	compressed_raw(&file, text, 1000);
	compressed_assert_text(&file, 100, text, 1000);
}

static void
test_window(void **state)
{
	/* A frame of one block, "hi", with the logarithm of its window less 10 in its
	 * second byte, shifted by 3. */
	static const char head[] = "\x28\xb5\x2f\xfd\0", block[] = "\x11\0\0hi";
	const char large = (char)((27 - 10) << 3), too_large = (char)((28 - 10) << 3);

	(void)state;
	compressed_raw(&file, head, 5);
	compressed_raw(&file, &large, 1);
	compressed_raw(&file, block, 5);
	compressed_assert_text(&file, 100, "hi", 2);
	file.p[5] = (unsigned char)too_large;
	compressed_assert_fails(&file, DECODER_UNSUPPORTED);
}

static void
test_formats(void **state)
{
	static const struct {
		const char *bytes;
		size_t n;
		const char *name;
	} heads[] = {
		{"", 0, NULL},
		{"\x1f", 1, NULL},
		{"(", 1, NULL},
		{"\x1f\x8b", 2, "gzip"},
		{"\x1f\x8b\x08", 3, "gzip"},
		{"\x1f\x8b\x09...", 6, NULL},
		{"\x28\xb5\x2f\xfd", 4, "zstd"},
		{"\x28\xb5\x2f", 3, "zstd"},
		{"\x28\xb5\x2f\xfc", 4, NULL},
		{"\xfd\x37\x7a\x58\x5a\0...", 9, "xz"},
		{"Dovecot-LZ4\x0d\x2a\x9b\xc5...", 18, "lz4"},
		{"Dovecot-LZ4", 11, NULL},
		{"BZh91AY&SY...", 13, "bzip2"},
		{"BZh1\x17rE8P\x90\0\0\0\0", 14, "bzip2"},
		{"BZh01AY&SY...", 13, NULL},
		{"BZh9 is not it", 14, NULL},
		{"From: x", 7, NULL},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(heads); i++) {
		const char *name =
			decoder_format((const unsigned char *)heads[i].bytes, heads[i].n);

		file.n = 0;
		compressed_raw(&file, heads[i].bytes, heads[i].n);
		if (heads[i].name == NULL) {
			assert_null(name);
			compressed_assert_text(&file, 1, heads[i].bytes, heads[i].n);
			compressed_assert_text(&file, 100, heads[i].bytes, heads[i].n);
			continue;
		}
		assert_string_equal(name, heads[i].name);
		if (strcmp(name, "gzip") != 0 && strcmp(name, "zstd") != 0)
			compressed_assert_fails(&file, DECODER_UNSUPPORTED);
	}
}

/* A file that grows is what it was when it was opened. */
static void
test_growing(void **state)
{
	(void)state;
	for (size_t kind = 0; kind < COUNT(kinds); kind++) {
		struct decoder d;
		size_t n, size;
		int fd;

		file.n = 0;
		kinds[kind](&file, mail, MAIL_SIZE);
		size = file.n;
		kinds[kind](&file, mail, MAIL_SIZE);
		fd = compressed_file(file.p, file.n);
		decoder_open(&d, fd, size, 0);
		assert_int_equal(decoder_read(&d, compressed_got, 1000, &n), DECODER_OK);
		assert_int_equal(n, MAIL_SIZE);
		assert_int_equal(decoder_read(&d, compressed_got, 1000, &n), DECODER_OK);
		assert_int_equal(n, 0);
		decoder_close(&d);
		close(fd);
	}
}

#define TEST(name) cmocka_unit_test_setup(name, set_up)

int
test_decoder(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_plain),
		TEST(test_every_size),
		TEST(test_dense),
		TEST(test_every_cap),
		TEST(test_borders),
		TEST(test_parts),
		TEST(test_many_empty_parts),
		TEST(test_skippable_frames),
		TEST(test_limit),
		TEST(test_window),
		TEST(test_formats),
		TEST(test_growing),
	};

	return cmocka_run_group_tests_name("decoder", tests, NULL, NULL);
}
