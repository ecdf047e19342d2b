#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "mailstore/maildir_name.h"
#include "tests/unit/tests.h"

static void
test_base(void **state)
{
	(void)state;
	assert_int_equal(maildir_name_base("1.a.h"), 5);
	assert_int_equal(maildir_name_base("1.a.h:2,"), 5);
	assert_int_equal(maildir_name_base("1.a.h:2,FS"), 5);
	assert_int_equal(maildir_name_base("1.a.h,S=12:2,S:x"), 10);
	assert_int_equal(maildir_name_base("a:"), 1);
	/* No base at all: each such file is a message of its own. */
	assert_int_equal(maildir_name_base(":2,S"), 4);
	assert_int_equal(maildir_name_base(":"), 1);
}

static int
sign(int x)
{
	return x < 0 ? -1 : x > 0;
}

static void
assert_before(const char *a, const char *b)
{
	assert_int_equal(sign(maildir_name_compare(a, strlen(a), b, strlen(b))), -1);
	assert_int_equal(sign(maildir_name_compare(b, strlen(b), a, strlen(a))), 1);
	assert_int_equal(maildir_name_compare(a, strlen(a), a, strlen(a)), 0);
	assert_int_equal(maildir_name_compare(b, strlen(b), b, strlen(b)), 0);
}

static void
test_order(void **state)
{
	(void)state;
	assert_before("999999999.x", "1000000000.a");
	assert_before("1.b", "2.a");
	assert_before("1.a", "1.b");
	assert_before("1.a", "1.aa");
	assert_before("0.a", "abc");
	assert_before("abc", "1.a");
	assert_before("00001.a", "2.a");
	assert_before("01.a", "1.a");
	assert_before("1", "1.a");
	assert_before("1.a\x7F", "1.a\xFF");
}

/* No machine word holds these. */
static void
test_order_of_huge_numbers(void **state)
{
	(void)state;
	assert_before("18446744073709551615.a", "18446744073709551616.a");
	assert_before("1.a", "99999999999999999999999999999999999999999999.a");
	assert_before("99999999999999999999999999999999999999999998.b",
		"99999999999999999999999999999999999999999999.a");
}

static void
test_for_cur(void **state)
{
	char to[MAILDIR_NAME_MAX + 1], name[300];

	(void)state;
	assert_true(maildir_name_for_cur("1.a.h", to));
	assert_string_equal(to, "1.a.h:2,");
	assert_true(maildir_name_for_cur("1.a.h:2,S", to));
	assert_string_equal(to, "1.a.h:2,S");
	memset(name, 'a', sizeof(name));
	name[252] = '\0';
	assert_true(maildir_name_for_cur(name, to));
	assert_int_equal(strlen(to), 255);
	name[252] = 'a';
	name[253] = '\0';
	assert_false(maildir_name_for_cur(name, to));
	name[10] = ':';
	name[253] = 'a';
	name[255] = '\0';
	assert_true(maildir_name_for_cur(name, to));
	name[255] = 'a';
	name[256] = '\0';
	assert_false(maildir_name_for_cur(name, to));
}

static void
test_time(void **state)
{
	(void)state;
	assert_true(maildir_name_time("1700000000.M1P1.host", 20) == 1700000000);
	assert_true(maildir_name_time("1700000000", 10) == 1700000000);
	assert_true(maildir_name_time("1700000000", 4) == 1700);
	assert_true(maildir_name_time("m1", 2) == 0);
	assert_true(maildir_name_time("", 0) == 0);
	assert_true(maildir_name_time("9223372036854775807", 19) == INT64_MAX);
	assert_true(maildir_name_time("9223372036854775808", 19) == INT64_MAX);
	assert_true(maildir_name_time("18446744073709551617", 20) == INT64_MAX);
}

int
test_maildir_name(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_base),
		cmocka_unit_test(test_order),
		cmocka_unit_test(test_order_of_huge_numbers),
		cmocka_unit_test(test_for_cur),
		cmocka_unit_test(test_time),
	};

	return cmocka_run_group_tests_name("maildir_name", tests, NULL, NULL);
}
