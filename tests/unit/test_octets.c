#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "mailstore/octets.h"
#include "tests/unit/tests.h"

/* The same sum by writing the message out, one byte after the other. */
static uint64_t
count_slowly(const unsigned char *p, size_t n)
{
	uint64_t count = 0;
	unsigned char before = 0;

	for (size_t i = 0; i < n; i++) {
		if (p[i] == '\n' && before != '\r')
			count++;
		count++;
		before = p[i];
	}
	return n > 0 && before != '\n' ? count + 2 : count;
}

static uint64_t
count_text(const char *text)
{
	struct octets o = {0};

	octets_add(&o, (const unsigned char *)text, strlen(text));
	return octets_total(&o);
}

static void
test_small(void **state)
{
	(void)state;
	assert_int_equal(count_text(""), 0);
	assert_int_equal(count_text("\n"), 2);
	assert_int_equal(count_text("\r\n"), 2);
	assert_int_equal(count_text("a\n"), 3);
	assert_int_equal(count_text("a\r\n"), 3);
	assert_int_equal(count_text("a\r\r\n"), 4);
	assert_int_equal(count_text("a\rb\n"), 5);
	assert_int_equal(count_text("\n\n"), 4);
	assert_int_equal(count_text("\r\n\n"), 4);
	/* No dot is counted twice. */
	assert_int_equal(count_text(".\n..\n"), 7);
}

static void
test_no_last_line_end(void **state)
{
	(void)state;
	assert_int_equal(count_text("a"), 3);
	assert_int_equal(count_text("a\nb"), 6);
	assert_int_equal(count_text("a\r"), 4);
}

static void
test_nothing_added(void **state)
{
	struct octets o = {0};

	(void)state;
	octets_add(&o, NULL, 0);
	assert_int_equal(octets_total(&o), 0);
	octets_add(&o, (const unsigned char *)"\r", 1);
	octets_add(&o, NULL, 0);
	octets_add(&o, (const unsigned char *)"\n", 1);
	assert_int_equal(octets_total(&o), 2);
}

/* Random mixtures of line ends in chunks of every size. */
static void
test_chunks(void **state)
{
	static const char alphabet[] = "\r\n\n\r.ax";
	unsigned char text[1500];
	unsigned seed = 1;

	(void)state;
	for (size_t i = 0; i < sizeof(text); i++) {
		seed = seed * 1103515245u + 12345u;
		text[i] = (unsigned char)alphabet[(seed >> 16) % (sizeof(alphabet) - 1)];
	}
	for (size_t size = 1; size <= sizeof(text); size++) {
		struct octets o = {0};
		const size_t total = sizeof(text) - size % 7;

		for (size_t i = 0; i < total; i += size)
			octets_add(&o, text + i, total - i < size ? total - i : size);
		assert_int_equal(octets_total(&o), count_slowly(text, total));
	}
}

/* Blocks with more line feeds than an 8-bit sum could hold if a block were larger. */
static void
test_line_feeds_only(void **state)
{
	struct octets o = {0};
	unsigned char *text = malloc(100000);

	(void)state;
	assert_non_null(text);
	memset(text, '\n', 100000);
	octets_add(&o, text, 100000);
	assert_int_equal(octets_total(&o), 200000);
	free(text);
}

int
test_octets(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_small),
		cmocka_unit_test(test_no_last_line_end),
		cmocka_unit_test(test_nothing_added),
		cmocka_unit_test(test_chunks),
		cmocka_unit_test(test_line_feeds_only),
	};

	return cmocka_run_group_tests_name("octets", tests, NULL, NULL);
}
