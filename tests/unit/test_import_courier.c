#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <errno.h>

#include <cmocka.h>

#include "mailstore/import.h"
#include "tests/unit/import_fixture.h"
#include "tests/unit/tests.h"

/* Names of 70 and 71 octets. */
#define NAME_70 "0123456789012345678901234567890123456789012345678901234567890123456789"
#define NAME_71 NAME_70 "0"

static enum import_result
parse(const char *text, size_t n, struct import_log *log)
{
	char *copy = malloc(n > 0 ? n : 1);
	enum import_result result;

	assert_non_null(copy);
	memcpy(copy, text, n);
	result = import_courier_parse(copy, n, import_log_found, log);
	free(copy);
	return result;
}

static void
assert_parsed(const char *text, const char *expected)
{
	struct import_log log = {0};

	assert_int_equal(parse(text, strlen(text), &log), IMPORT_OK);
	assert_string_equal(log.text, expected);
}

static void
assert_broken(const char *text)
{
	struct import_log log = {0};

	assert_int_equal(parse(text, strlen(text), &log), IMPORT_BROKEN);
	assert_string_equal(log.text, "");
}

/* Courier 1.0.16 wrote it. */
static const char version_3[] = "/3 6 1795632769\n"
				"1700000001.M1P1.host:2,S 351 1:1795632769:0\n"
				"1700000002.M1P1.host:2, 351 2:1795632769:0\n"
				"1700000005.M1P1.host:2,S 351 5:1795632769:1\n";

static void
test_version_3(void **state)
{
	(void)state;
	assert_parsed(version_3, "1700000001.M1P1.host UID1-1795632769\n"
				 "1700000002.M1P1.host UID2-1795632769\n"
				 "1700000005.M1P1.host UID5-1795632769\n");
}

static void
test_version_2(void **state)
{
	(void)state;
	assert_parsed("/2 6 1795632769\n1.a:2,S 351 1:1795632769\n2.b 1 05:7\n",
		"1.a UID1-1795632769\n2.b UID5-7\n");
}

static void
test_version_1(void **state)
{
	(void)state;
	assert_parsed("/1 6\n1.a:2,S 351 1\n2.b 1 5\n", "1.a UID1\n2.b UID5\n");
	assert_parsed("/1 6 17\n1.a:2,S 351 1\n", "1.a UID1\n");
}

static void
test_oldest(void **state)
{
	(void)state;
	assert_parsed("1.a:2,S 351\n2.b 1\n", "1.a 1.a\n2.b 2.b\n");
	assert_parsed("1.a+b'c\"d e\xe9:2,S 351\n", "1.a+b'c\"d e\xe9 "
						    "1.a+2Bb+27c+22d+20e+E9\n");
	assert_parsed(NAME_70 " 1\n" NAME_71 " 2\n", NAME_70 " " NAME_70 "\n");
	assert_parsed(
		"01234567890123456789012345678901234567890123456789012345678901234567"
		"++ 1\n2.b 1\n",
		"2.b 2.b\n");
}

/* Newer versions keep what older ones gave. */
static void
test_older_ids(void **state)
{
	(void)state;
	assert_parsed("/3 6 9\n1.a 1 3:0:0\n2.b+c 1 0:0:0\n3.c 1 0:9:0\n",
		"1.a UID3\n2.b+c 2.b+2Bc\n3.c 3.c\n");
	assert_parsed("/2 6 9\n1.a 1 3:0\n2.b 1 0:0\n", "1.a UID3\n2.b 2.b\n");
}

static void
test_odd_lines(void **state)
{
	(void)state;
	assert_parsed(
		"/3 6 9\n\nx\n y z\n1.a 1\n2.b x 1:9:0\n3.c 1 x\n4.d 1 1:x\n5.e 1 1:9:\n"
		"6.f 1 1:9:0:0\n7/g 1 1:9:0\n 1 1:9:0\n8.h 1 18446744073709551616:9:0\n"
		"9.i j 1 18446744073709551615:18446744073709551615:0\n10.k 1 7:9",
		"9.i j UID18446744073709551615-18446744073709551615\n");
	assert_parsed("/3 6 9\n", "");
}

static void
test_twice(void **state)
{
	(void)state;
	assert_parsed("/3 6 9\n1.a 1 1:9:0\n2.b 1 1:9:0\n3.c 1 2:9:0\n1.a:2,S 1 4:9:0\n",
		"2.b UID1-9\n3.c UID2-9\n1.a UID4-9\n");
}

static void
test_broken(void **state)
{
	(void)state;
	assert_broken("/\n");
	assert_broken("/3\n");
	assert_broken("/3 x\n");
	assert_broken("/0 1\n");
	assert_broken("/4 6 9\n1.a 1 1:9:0\n");
	assert_broken("/18446744073709551619 6 9\n1.a 1 1:9:0\n");
	assert_broken("/3 6 9");
	assert_broken("no list at all\n");
	assert_broken("x");
}

static void
test_nothing(void **state)
{
	struct import_log log = {0};

	(void)state;
	assert_int_equal(parse("", 0, &log), IMPORT_NONE);
}

static void
test_stopped(void **state)
{
	struct import_log log = {.left = 1};

	(void)state;
	errno = 0;
	assert_int_equal(parse(version_3, sizeof(version_3) - 1, &log), IMPORT_ERROR);
	assert_int_equal(errno, ENOMEM);
	assert_string_equal(log.text, "1700000001.M1P1.host UID1-1795632769\n");
}

int
test_import_courier(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_version_3),
		cmocka_unit_test(test_version_2),
		cmocka_unit_test(test_version_1),
		cmocka_unit_test(test_oldest),
		cmocka_unit_test(test_older_ids),
		cmocka_unit_test(test_odd_lines),
		cmocka_unit_test(test_twice),
		cmocka_unit_test(test_broken),
		cmocka_unit_test(test_nothing),
		cmocka_unit_test(test_stopped),
	};

	return cmocka_run_group_tests_name("import_courier", tests, NULL, NULL);
}
