#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "pop3d/half_open.h"
#include "tests/unit/tests.h"

/* In how many of a hundred cases, each of them once, a connection is refused. */
static unsigned
percent(const struct half_open *limit, size_t n)
{
	unsigned refused = 0;

	for (uint32_t random = 4200; random < 4300; random++)
		refused += half_open_refuses(limit, n, random) ? 1 : 0;
	return refused;
}

static void
test_probability(void **state)
{
	struct half_open limit;

	(void)state;
	assert_true(half_open_parse("10:30:110", &limit));
	assert_int_equal(percent(&limit, 0), 0);
	assert_int_equal(percent(&limit, 9), 0);
	assert_int_equal(percent(&limit, 10), 30);
	assert_int_equal(percent(&limit, 60), 65);
	assert_int_equal(percent(&limit, 109), 99);
	assert_int_equal(percent(&limit, 110), 100);
	assert_int_equal(percent(&limit, SIZE_MAX), 100);
}

static void
test_corners(void **state)
{
	struct half_open limit;

	(void)state;
	assert_true(half_open_parse("none", &limit));
	assert_int_equal(percent(&limit, 0), 0);
	assert_int_equal(percent(&limit, 1000000), 0);
	/* Nothing is random where both ends are one. */
	assert_true(half_open_parse("5:1:5", &limit));
	assert_int_equal(percent(&limit, 4), 0);
	assert_int_equal(percent(&limit, 5), 100);
	assert_true(half_open_parse("1:100:100000", &limit));
	assert_int_equal(percent(&limit, 0), 0);
	assert_int_equal(percent(&limit, 1), 100);
}

static void
test_parse(void **state)
{
	static const char *const wrong[] = {"", "none ", "10", "10:30",
		"10:30:", ":30:100", "10::100", "10:30:100:1", "10:30:9", "0:30:100",
		"10:0:100", "10:101:100", "10:30:100001", "10:30:0", "-1:30:100",
		"10:30:1e2", " 10:30:100", "10:30:18446744073709551626", "10;30;100",
		"None"};
	struct half_open limit = {1, 2, 3};

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		assert_false(half_open_parse(wrong[i], &limit));
	assert_int_equal(limit.start, 1);
	assert_int_equal(limit.rate, 2);
	assert_int_equal(limit.full, 3);
	assert_true(half_open_parse("100:30:250", &limit));
	assert_int_equal(limit.start, 100);
	assert_int_equal(limit.rate, 30);
	assert_int_equal(limit.full, 250);
}

int
test_half_open(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_probability),
		cmocka_unit_test(test_corners),
		cmocka_unit_test(test_parse),
	};

	return cmocka_run_group_tests_name("half_open", tests, NULL, NULL);
}
