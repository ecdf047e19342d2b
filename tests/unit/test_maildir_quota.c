#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "mailstore/maildir_quota.h"
#include "tests/unit/tests.h"

static bool
define(struct maildir_quota *q, const char *text)
{
	*q = (struct maildir_quota){.max_bytes = -1, .max_messages = -1};
	return maildir_quota_define(q, text, strlen(text));
}

static bool
parse(struct maildir_quota *q, const char *text)
{
	return maildir_quota_parse(q, text, strlen(text));
}

static void
assert_defines(const char *text, int64_t bytes, int64_t messages)
{
	struct maildir_quota q;

	assert_true(define(&q, text));
	assert_int_equal(q.max_bytes, bytes);
	assert_int_equal(q.max_messages, messages);
	assert_string_equal(q.definition, text);
}

static void
test_definitions(void **state)
{
	(void)state;
	assert_defines("1000000S,1000C", 1000000, 1000);
	assert_defines("1000C,1000000S", 1000000, 1000);
	assert_defines("5S", 5, 0);
	assert_defines("5C", 0, 5);
	assert_defines("0S", 0, 0);
	assert_defines("", 0, 0);
	assert_defines(" 5S , 6C\r", 5, 6);
	assert_defines("9223372036854775807S", INT64_MAX, 0);
}

static void
test_no_definitions(void **state)
{
	static const char *const texts[] = {
		"5",
		"S",
		"-5S",
		"5S6C",
		"5S;6C",
		"5X",
		"5s",
		"5 S",
		",",
		"hello",
		"     500       1",
		"9223372036854775808S",
		"99999999999999999999999S",
	};
	struct maildir_quota q;
	char text[200];

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		assert_false(define(&q, texts[i]));
		assert_int_equal(q.max_bytes, -1);
	}
	memset(text, ' ', sizeof(text));
	assert_false(maildir_quota_define(&q, text, sizeof(text)));
	assert_false(maildir_quota_define(&q, text, sizeof(q.definition)));
	assert_true(maildir_quota_define(&q, text, sizeof(q.definition) - 1));
}

static void
assert_sums(const char *text, int64_t bytes, int64_t messages, size_t lines)
{
	struct maildir_quota q;

	assert_true(parse(&q, text));
	assert_false(q.damaged);
	assert_int_equal(q.bytes, bytes);
	assert_int_equal(q.messages, messages);
	assert_int_equal(q.lines, lines);
}

static void
test_sums(void **state)
{
	(void)state;
	assert_sums("1000S\n0 0\n", 0, 0, 1);
	assert_sums("1000S\n500 2\n-100 -1\n", 400, 1, 2);
	assert_sums("1000S\n         500            2\n        -100           -1\n", 400,
		1, 2);
	assert_sums("1000S\n\t500\t 2 \r\n  7 1\n", 507, 3, 2);
	/* A folder may lose more than was added to it since the last count. */
	assert_sums("1000S\n-100 -1\n500 2\n", 400, 1, 2);
}

static void
assert_damaged(const char *text)
{
	struct maildir_quota q;

	assert_true(parse(&q, text));
	assert_true(q.damaged);
	assert_int_equal(q.max_bytes, 1000);
	assert_int_equal(q.bytes, 0);
	assert_int_equal(q.messages, 0);
}

static void
test_damaged(void **state)
{
	(void)state;
	assert_damaged("1000S");
	assert_damaged("1000S\n");
	assert_damaged("1000S\n\n");
	assert_damaged("1000S\n500 1");
	assert_damaged("1000S\n500 1\n\n");
	assert_damaged("1000S\n500 1\n600\n");
	assert_damaged("1000S\n500 1\n600 1 2\n");
	assert_damaged("1000S\n500 1\n600-1\n");
	assert_damaged("1000S\n500 1\n+600 1\n");
	assert_damaged("1000S\n500 1\n- 600 1\n");
	assert_damaged("1000S\n500 1\nabc\n");
	assert_damaged("1000S\n-500 1\n");
	assert_damaged("1000S\n500 -1\n");
	assert_damaged("1000S\n99999999999999999999 1\n");
	assert_damaged("1000S\n9223372036854775807 1\n1 1\n");
	assert_damaged("1000S\n1 9223372036854775807\n1 1\n");
}

static void
test_torn(void **state)
{
	struct maildir_quota q;

	(void)state;
	assert_true(parse(&q, "1000S\n500 1\n"));
	assert_false(q.torn);
	assert_true(parse(&q, "1000S\n500 1\n-500"));
	assert_true(q.torn);
	assert_true(parse(&q, "1000S"));
	assert_true(q.torn);
}

static void
test_no_such_file(void **state)
{
	static const char nul[] = "1000S\n500 1\n\0\0\0";
	struct maildir_quota q;

	(void)state;
	assert_false(parse(&q, ""));
	assert_false(parse(&q, "hello\n1 1\n"));
	assert_false(parse(&q, "         500            2\n"));
	assert_false(maildir_quota_parse(&q, nul, sizeof(nul) - 1));
}

/* The definition of one that is too long still counts. */
static void
test_too_long(void **state)
{
	static char text[MAILDIR_QUOTA_MAX + 1];
	struct maildir_quota q;
	size_t n = 6;

	(void)state;
	memcpy(text, "1000S\n", n);
	for (; n + 4 <= MAILDIR_QUOTA_MAX; n += 4)
		memcpy(text + n, "1 1\n", 4);
	assert_true(maildir_quota_parse(&q, text, n));
	assert_false(q.damaged);
	assert_int_equal(q.messages, q.lines);
	memset(text + 6, ' ', sizeof(text) - 6);
	assert_true(maildir_quota_parse(&q, text, sizeof(text)));
	assert_true(q.damaged);
	assert_int_equal(q.max_bytes, 1000);
	assert_int_equal(q.bytes, 0);
}

static void
test_lines(void **state)
{
	char line[MAILDIR_QUOTA_LINE];
	struct maildir_quota q = {.lines = 0};
	char text[100];

	(void)state;
	assert_int_equal(maildir_quota_line(line, -500, -3), 26);
	assert_string_equal(line, "        -500           -3\n");
	assert_int_equal(maildir_quota_line(line, INT64_MIN, INT64_MIN), 42);
	assert_int_equal(maildir_quota_line(line, INT64_MAX, INT64_MAX), 40);
	snprintf(text, sizeof(text), "0S\n%s", line);
	assert_true(parse(&q, text));
	assert_int_equal(q.bytes, INT64_MAX);
}

static void
assert_size(const char *name, int64_t size)
{
	int64_t found = 77;

	assert_int_equal(maildir_quota_name_size(name, &found), size >= 0);
	if (size >= 0)
		assert_int_equal(found, size);
}

static void
test_name_sizes(void **state)
{
	(void)state;
	assert_size("1.a,S=1234", 1234);
	assert_size("1.a,S=1234:2,S", 1234);
	assert_size("1.a,S=1234,W=1300:2,", 1234);
	assert_size("1.a,W=1300,S=1234", 1234);
	assert_size("1.a,S=1,S=2", 2);
	assert_size("1.a,S=0", 0);
	assert_size("1.a", -1);
	assert_size("", -1);
	assert_size(",S=", -1);
	assert_size("1.a,S=", -1);
	assert_size("1.a,S=-5", -1);
	assert_size("1.a,S=5x", -1);
	assert_size("1.a,s=5", -1);
	assert_size("1.a:2,S=5", -1);
	assert_size("1.a,S=9223372036854775807", INT64_MAX);
	assert_size("1.a,S=9223372036854775808", -1);
}

static void
test_trashed(void **state)
{
	(void)state;
	assert_true(maildir_quota_name_counts("1.a"));
	assert_true(maildir_quota_name_counts("1.aT:2,S"));
	assert_true(maildir_quota_name_counts("1.a:1,T"));
	assert_true(maildir_quota_name_counts("1.a:2,S,T"));
	assert_false(maildir_quota_name_counts("1.a:2,T"));
	assert_false(maildir_quota_name_counts("1.a:2,RST"));
}

static void
test_add(void **state)
{
	(void)state;
	assert_int_equal(maildir_quota_add(2, 3), 5);
	assert_int_equal(maildir_quota_add(INT64_MAX, 1), INT64_MAX);
	assert_int_equal(maildir_quota_add(INT64_MAX - 1, 1), INT64_MAX);
}

int
test_maildir_quota(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_definitions),
		cmocka_unit_test(test_no_definitions),
		cmocka_unit_test(test_sums),
		cmocka_unit_test(test_damaged),
		cmocka_unit_test(test_torn),
		cmocka_unit_test(test_no_such_file),
		cmocka_unit_test(test_too_long),
		cmocka_unit_test(test_lines),
		cmocka_unit_test(test_name_sizes),
		cmocka_unit_test(test_trashed),
		cmocka_unit_test(test_add),
	};

	return cmocka_run_group_tests_name("maildir_quota", tests, NULL, NULL);
}
