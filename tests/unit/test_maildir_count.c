#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "mailstore/maildir_count.h"
#include "tests/unit/compressed_fixture.h"
#include "tests/unit/tests.h"

#define CHUNK MAILDIR_COUNT_BUFFER
#define ROUNDS 400

static unsigned char buffer[CHUNK];

static enum decoder_status
count_some(const void *text, size_t n, uint64_t size, struct maildir_counted *counted)
{
	const int fd = compressed_file(text, n);
	const enum decoder_status status =
		maildir_count(fd, size, 0, buffer, NULL, counted);

	(void)close(fd);
	return status;
}

static struct maildir_counted
count(const void *text, size_t n)
{
	struct maildir_counted counted = {.octets = 1};

	assert_int_equal(count_some(text, n, n, &counted), DECODER_OK);
	return counted;
}

/* What the wire has, octet by octet; dots are stuffed but not counted. */
static struct maildir_counted
naive(const char *text, size_t n)
{
	struct maildir_counted counted = {.octets = n, .as_is = true};
	char last = '\n';

	for (size_t i = 0; i < n; last = text[i++]) {
		if (last == '\n' && text[i] == '.')
			counted.as_is = false;
		if (text[i] == '\n' && (i == 0 || text[i - 1] != '\r')) {
			counted.octets++;
			counted.as_is = false;
		}
	}
	if (last != '\n') {
		counted.octets += 2;
		counted.as_is = false;
	}
	return counted;
}

static void
compare(const char *text, size_t n)
{
	const struct maildir_counted counted = count(text, n), wanted = naive(text, n);

	assert_int_equal(counted.octets, wanted.octets);
	assert_int_equal(counted.as_is, wanted.as_is);
}

static void
test_short(void **state)
{
	static const struct {
		const char *text;
		uint64_t octets;
		bool as_is;
	} cases[] = {
		{"", 0, true},
		{"\r\n", 2, true},
		{"a\r\n", 3, true},
		{"a\r\nb.\r\n", 7, true},
		{"a\r\r\n", 4, true},
		{"a\r.\r\n", 5, true},
		{"a", 3, false},
		{"a\r", 4, false},
		{"\r", 3, false},
		{"\n", 2, false},
		{"a\n", 3, false},
		{"a\r\nb\n", 6, false},
		{".", 3, false},
		{".\r\n", 3, false},
		{".a\r\n", 4, false},
		{"..\r\n..\r\n", 8, false},
		{"a\r\n.\r\n", 6, false},
		{"a\r\n.", 6, false},
		{"a\n.\r\n", 6, false},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const size_t n = strlen(cases[i].text);
		const struct maildir_counted counted = count(cases[i].text, n);

		assert_int_equal(counted.octets, cases[i].octets);
		assert_int_equal(counted.as_is, cases[i].as_is);
		compare(cases[i].text, n);
	}
}

/* Each text at each place around the end of what is read at once. */
static void
test_chunks(void **state)
{
	static const char *const texts[] = {
		"\r\n", "\r\n.", "\r\n..\r\n", "\n", "\r", "\r.", "\n.", ".", "\r\r\n"};
	const size_t n = 2 * CHUNK + 100;
	char *text = malloc(n);

	(void)state;
	assert_non_null(text);
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		for (size_t place = CHUNK - 5; place <= CHUNK + 1; place++) {
			memset(text, 'x', n);
			memcpy(text + n - 2, "\r\n", 2);
			memcpy(text + place, texts[i], strlen(texts[i]));
			compare(text, n);
			memcpy(text + place + CHUNK, texts[i], strlen(texts[i]));
			compare(text, n);
			compare(text, place + strlen(texts[i]));
		}
	free(text);
}

static void
test_random(void **state)
{
	char *text = malloc((size_t)3 * CHUNK);

	(void)state;
	assert_non_null(text);
	srandom(1);
	for (size_t round = 0; round < ROUNDS; round++) {
		const long rare = round % 2 ? 30000 : 1 + random() % 9;
		const size_t least = round % 2 ? 2 * CHUNK : 0;
		size_t n = 0;

		/* Mostly whole lines, so that some are as they are sent. */
		while (n < least + 20) {
			const long what = random() % rare;

			text[n++] = what == 0 ? '.' : 'x';
			if (what == 1)
				text[n++] = '\n';
			else if (random() % 40 < 3 || n > least + 17)
				n += (size_t)(stpcpy(text + n, "\r\n") - (text + n));
		}
		compare(text, n);
	}
	free(text);
}

/* The text in it would be as it is sent; the file is not. */
static void
test_compressed(void **state)
{
	static const char text[] = "Subject: x\r\n\r\nHello.\r\n";
	compressed_add *const kinds[] = {compressed_gzip, compressed_zstd};
	static struct compressed file;

	(void)state;
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		struct maildir_counted counted;

		file.n = 0;
		kinds[i](&file, text, sizeof(text) - 1);
		counted = count(file.p, file.n);
		assert_int_equal(counted.octets, sizeof(text) - 1);
		assert_false(counted.as_is);
	}
}

/* A file that is shorter than was said is an error, a longer one is cut. */
static void
test_size(void **state)
{
	struct maildir_counted counted;

	(void)state;
	assert_int_equal(count_some("a\r\n", 3, 4, &counted), DECODER_SHRANK);
	assert_int_equal(count_some("a\r\n.\r\n", 6, 3, &counted), DECODER_OK);
	assert_int_equal(counted.octets, 3);
	assert_true(counted.as_is);
}

/* What is noted of one content does not outlive it. */
static void
test_entry(void **state)
{
	struct maildir_entry entry = {.flags = MAILDIR_SETTLED};
	const struct stat st = {.st_size = 7, .st_mtim = {3, 4}};
	const struct maildir_counted plain = {7, true}, other = {8, false};

	(void)state;
	maildir_entry_count(&entry, &st, &plain);
	assert_int_equal(entry.flags, MAILDIR_SETTLED | MAILDIR_COUNTED | MAILDIR_AS_IS);
	assert_int_equal(entry.octets, 7);
	assert_int_equal(entry.size, 7);
	assert_int_equal(entry.mtime, 3000000004);
	maildir_entry_count(&entry, &st, &other);
	assert_int_equal(entry.flags, MAILDIR_SETTLED | MAILDIR_COUNTED);
	assert_int_equal(entry.octets, 8);
}

int
test_maildir_count(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_short),
		cmocka_unit_test(test_chunks),
		cmocka_unit_test(test_random),
		cmocka_unit_test(test_compressed),
		cmocka_unit_test(test_size),
		cmocka_unit_test(test_entry),
	};

	return cmocka_run_group_tests_name("maildir_count", tests, NULL, NULL);
}
