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

static void
test_trailing_garbage(void **state)
{
	static const char *const garbage[] = {"x", "\x1f", "\x1f\x8b", "\x28\xb5\x2f",
		"garbage\n", "\x1f\x8b\x08", "\x28\xb5\x2f\xfd",
		"\x27\xb5\x2f\xfdold format"};

	(void)state;
	for (size_t kind = 0; kind < COUNT(kinds); kind++) {
		for (size_t i = 0; i < COUNT(garbage); i++) {
			file.n = 0;
			kinds[kind](&file, mail, MAIL_SIZE);
			compressed_raw(&file, garbage[i], strlen(garbage[i]));
			compressed_assert_fails(&file, DECODER_DAMAGED);
		}
		file.n = 0;
		kinds[kind](&file, mail, MAIL_SIZE);
		compressed_raw(&file, "\0\0\0\0\0\0\0\0", 8);
		compressed_assert_fails(&file, DECODER_DAMAGED);
		/* What follows is of the same kind, too. */
		file.n = 0;
		kinds[kind](&file, mail, MAIL_SIZE);
		kinds[1 - kind](&file, mail, MAIL_SIZE);
		compressed_assert_fails(&file, DECODER_DAMAGED);
	}
}

static void
test_cut_anywhere(void **state)
{
	(void)state;
	for (size_t kind = 0; kind < COUNT(kinds); kind++) {
		size_t whole;

		file.n = 0;
		kinds[kind](&file, mail, MAIL_SIZE);
		whole = file.n;
		for (file.n = 2; file.n < whole; file.n++)
			compressed_assert_fails(&file, DECODER_DAMAGED);
		compressed_assert_text(&file, 100, mail, MAIL_SIZE);
		/* One byte tells nothing. */
		file.n = 1;
		compressed_assert_text(&file, 100, file.p, 1);
	}
}

/* Cut in text that takes many blocks and buffers: what came before is right. */
static void
test_cut_large(void **state)
{
	(void)state;
	for (size_t kind = 0; kind < COUNT(kinds); kind++) {
		size_t n;

		file.n = 0;
		kinds[kind](&file, text, 250000);
		for (size_t size = 5; size < file.n; size += 997) {
			assert_int_equal(compressed_decode(&file, size, 1000, 0, &n),
				DECODER_DAMAGED);
			assert_memory_equal(compressed_got, text, n);
		}
	}
}

/* A change shows, or it changes nothing: a time stamp, or a flag that says nothing. */
static void
test_flipped_anywhere(void **state)
{
	(void)state;
	for (size_t kind = 0; kind < COUNT(kinds); kind++) {
		size_t failed = 0;

		file.n = 0;
		kinds[kind](&file, mail, MAIL_SIZE);
		for (size_t bit = 0; bit < 8 * file.n; bit++) {
			const unsigned char mask = (unsigned char)(1u << bit % 8);
			enum decoder_status status;
			size_t n;

			file.p[bit / 8] ^= mask;
			status = compressed_decode(&file, file.n, 100, 0, &n);
			if (status == DECODER_OK &&
				decoder_format(file.p, file.n) != NULL) {
				assert_int_equal(n, MAIL_SIZE);
				assert_memory_equal(compressed_got, mail, MAIL_SIZE);
			}
			failed += status == DECODER_DAMAGED;
			file.p[bit / 8] ^= mask;
		}
		assert_true(failed > 4 * file.n);
	}
}

static void
test_checksum(void **state)
{
	(void)state;
	for (size_t kind = 0; kind < COUNT(kinds); kind++)
		for (size_t back = 1; back <= 4 + 4 * (kind == 0); back++) {
			file.n = 0;
			kinds[kind](&file, mail, MAIL_SIZE);
			file.p[file.n - back] ^= 1;
			compressed_assert_fails(&file, DECODER_DAMAGED);
		}
}

/* A file that is shorter than it was said to be. */
static void
test_shrunk(void **state)
{
	static const size_t short_of[] = {3, 20, 65536};

	(void)state;
	for (size_t kind = 0; kind < COUNT(kinds) + 1; kind++)
		for (size_t i = 0; i < COUNT(short_of); i++) {
			enum decoder_status status;
			struct decoder d;
			size_t n;
			int fd;

			file.n = 0;
			(kind < COUNT(kinds) ? kinds[kind] : compressed_raw)(
				&file, text, 200000);
			fd = compressed_file(file.p, short_of[i]);
			decoder_open(&d, fd, file.n, 0);
			do
				status = decoder_read(&d, compressed_got, 1000, &n);
			while (n > 0);
			assert_int_equal(status, DECODER_SHRANK);
			decoder_close(&d);
			close(fd);
		}
}

/* libzstd takes such a frame, or does not, as the pieces are that it is read in. */
static void
test_zstd_length(void **state)
{
	/* 38232 octets of text, it says, and has one block, which is empty. */
	static const char empty[] = "\x28\xb5\x2f\xfd\x61\0\x58\x94\1\0\0";
	/* The same, with a block of one octet before. */
	static const char one[] = "\x28\xb5\x2f\xfd\x20\2\x08\0\0x\1\0\0";

	(void)state;
	compressed_raw(&file, empty, sizeof(empty) - 1);
	compressed_assert_fails(&file, DECODER_DAMAGED);
	file.n = 0;
	compressed_raw(&file, one, sizeof(one) - 1);
	compressed_assert_fails(&file, DECODER_DAMAGED);
	/* It is right for a text of one octet. */
	file.p[5] = 1;
	compressed_assert_text(&file, 1, "x", 1);
	compressed_assert_text(&file, 1000, "x", 1);
}

static void
test_read_error(void **state)
{
	struct decoder d;
	size_t n = 1;

	(void)state;
	decoder_open(&d, -1, 100, 0);
	assert_int_equal(decoder_read(&d, compressed_got, 10, &n), DECODER_ERRNO);
	assert_int_equal(errno, EBADF);
	assert_int_equal(n, 0);
	errno = 0;
	assert_int_equal(decoder_read(&d, compressed_got, 10, &n), DECODER_ERRNO);
	assert_int_equal(errno, EBADF);
	decoder_close(&d);
}

#define TEST(name) cmocka_unit_test_setup(name, set_up)

int
test_decoder_damage(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_trailing_garbage),
		TEST(test_cut_anywhere),
		TEST(test_cut_large),
		TEST(test_flipped_anywhere),
		TEST(test_checksum),
		TEST(test_shrunk),
		TEST(test_zstd_length),
		TEST(test_read_error),
	};

	return cmocka_run_group_tests_name("decoder_damage", tests, NULL, NULL);
}
