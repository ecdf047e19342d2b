#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "mailstore/scan.h"
#include "tests/unit/letters.h"
#include "tests/unit/tests.h"

#define ROUNDS 3000
#define LONGEST 700

static size_t
naive_line(const unsigned char *p, size_t n, unsigned char first)
{
	for (size_t i = 1; i < n; i++)
		if (p[i - 1] == '\n' && p[i] == first)
			return i;
	return n;
}

static uint64_t
naive_bare(const unsigned char *p, size_t n)
{
	uint64_t count = 0;

	for (size_t i = 1; i < n; i++)
		if (p[i] == '\n' && p[i - 1] != '\r')
			count++;
	return count;
}

static size_t
naive_text(const unsigned char *p, size_t n, struct scan_seen *seen)
{
	const size_t at = naive_line(p, n, 'F');

	seen->bare += naive_bare(p, at);
	seen->cr = seen->cr || memchr(p, '\r', at) != NULL;
	return at;
}

/* What was seen before is neither lost nor made up. */
static void
compare_text(const unsigned char *p, size_t n, bool cr)
{
	struct scan_seen naive = {7, cr}, fast = naive, portable = naive;
	const size_t at = naive_text(p, n, &naive);

	assert_int_equal(scan_text(p, n, 'F', &fast), at);
	assert_int_equal(scan_text_portable(p, n, 'F', &portable), at);
	assert_int_equal(fast.bare, naive.bare);
	assert_int_equal(portable.bare, naive.bare);
	assert_int_equal(fast.cr, naive.cr);
	assert_int_equal(portable.cr, naive.cr);
}

/* A copy of its own size, so that a sanitizer sees any look beyond its end. */
static void
compare(const unsigned char *text, size_t n)
{
	unsigned char *p = malloc(n > 0 ? n : 1);

	assert_non_null(p);
	memcpy(p, text, n);
	assert_int_equal(scan_bare(p, n), naive_bare(p, n));
	assert_int_equal(scan_bare_portable(p, n), naive_bare(p, n));
	compare_text(p, n, false);
	compare_text(p, n, true);
	free(p);
}

/* All lengths, so that every part of a block is the last one; all densities. */
static void
like_naive_ones(void **state)
{
	static const char alphabet[] = "\n\r\nFFa";
	unsigned char text[LONGEST];

	(void)state;
	srandom(1);
	for (size_t round = 0; round < ROUNDS; round++)
		compare(text, letters_fill(text, LONGEST, alphabet));
}

static void
each_place(void **state)
{
	unsigned char text[300];

	(void)state;
	for (size_t n = 2; n <= sizeof text; n++)
		for (size_t i = 0; i + 1 < n; i += n < 260 ? 1 : 7) {
			memset(text, 'x', n);
			memcpy(text + i, "\nF", 2);
			compare(text, n);
		}
}

int
test_scan(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(like_naive_ones),
		cmocka_unit_test(each_place),
	};

	return cmocka_run_group_tests_name("scan", tests, NULL, NULL);
}
