#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <inttypes.h>

#include <cmocka.h>

#include "pop3d/number.h"
#include "tests/unit/tests.h"

static void
test_good(void **state)
{
	static const struct {
		const char *text;
		uint64_t number;
	} good[] = {
		{"0", 0},
		{"00", 0},
		{"1", 1},
		{"01", 1},
		{"000000000000000000000000000000000000042", 42},
		{"4294967295", UINT32_MAX},
		{"4294967297", (uint64_t)UINT32_MAX + 2},
		{"9223372036854775808", (uint64_t)INT64_MAX + 1},
		{"18446744073709551615", UINT64_MAX},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		uint64_t number = 99;

		assert_true(number_parse(good[i].text, strlen(good[i].text), &number));
		assert_int_equal(number, good[i].number);
	}
}

static void
test_bad(void **state)
{
	static const char *const bad[] = {
		"",
		" ",
		" 1",
		"1 ",
		"-1",
		"-0",
		"+1",
		"1.0",
		"0x1",
		"1abc",
		"abc",
		"1e3",
		"1,000",
		"\t1",
		"1\n",
		"\xb2",
		"/",
		":",
		"18446744073709551616",
		"18446744073709551620",
		"18446744073709551625",
		"28446744073709551615",
		"99999999999999999999",
		"184467440737095516150",
		"100000000000000000000000000000000000000",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		uint64_t number = 99;

		if (number_parse(bad[i], strlen(bad[i]), &number))
			fail_msg("\"%s\" was taken", bad[i]);
		assert_int_equal(number, 99);
	}
}

/* Only n octets count, whatever stands behind them. */
static void
test_length(void **state)
{
	uint64_t number = 99;

	(void)state;
	assert_true(number_parse("123x", 3, &number));
	assert_int_equal(number, 123);
	assert_true(number_parse("123x", 1, &number));
	assert_int_equal(number, 1);
	assert_false(number_parse("123x", 0, &number));
	assert_false(number_parse("1\0002", 3, &number));
	assert_int_equal(number, 1);
}

/* The largest numbers, one by one, as another formatter writes them. */
static void
test_border(void **state)
{
	char text[32];

	(void)state;
	for (uint64_t i = 0; i < 1000; i++) {
		uint64_t number = 0;
		int n = snprintf(text, sizeof(text), "%" PRIu64, UINT64_MAX - i);

		assert_true(n > 0);
		assert_true(number_parse(text, (size_t)n, &number));
		assert_int_equal(number, UINT64_MAX - i);
	}
}

int
test_number(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_good),
		cmocka_unit_test(test_bad),
		cmocka_unit_test(test_length),
		cmocka_unit_test(test_border),
	};

	return cmocka_run_group_tests_name("number", tests, NULL, NULL);
}
