#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "pop3d/ctl/mailbox_header.h"
#include "pop3d/ctl/printable.h"
#include "tests/unit/tests.h"

static void
assert_printed(const char *text, const char *expected)
{
	char out[256];

	(void)printable_copy(
		out, sizeof(out), 200, (const unsigned char *)text, strlen(text));
	assert_string_equal(out, expected);
}

static void
test_harmless(void **state)
{
	(void)state;
	assert_printed("plain text ~!", "plain text ~!");
	assert_printed("J\xC3\xB6rg \xE2\x82\xAC \xF0\x9F\x93\xA7",
		"J\xC3\xB6rg \xE2\x82\xAC \xF0\x9F\x93\xA7");
}

/* What a terminal would obey, in every form in which it understands it. */
static void
test_controls(void **state)
{
	(void)state;
	assert_printed("\x1b[31mred\x07", "?[31mred?");
	assert_printed("a\rb\nc\td\x7f", "a?b?c?d?");
	assert_printed("\xC2\x9B"
		       "31m \xC2\x85",
		"?31m ?");
	assert_printed("\x9B"
		       "31m",
		"?31m");
	assert_printed("\xE2\x80\xAEgnp.exe \xE2\x80\x8B\xEF\xBB\xBF \xE2\x81\xA6",
		"?gnp.exe ?? ?");
	assert_printed("\xF3\xA0\x80\x81 \xEE\x80\x80", "? ?");
}

static void
test_broken_utf8(void **state)
{
	(void)state;
	/* Too long a form of ESC, surrogates, beyond the last character, cut short. */
	assert_printed("\xC0\x9B", "??");
	assert_printed("\xE0\x80\x9B", "???");
	assert_printed("\xED\xA0\x80", "?");
	assert_printed("\xF4\x90\x80\x80", "????");
	assert_printed("\xF5\x80\x80\x80", "????");
	assert_printed("a\xE2\x82", "a??");
	assert_printed("\xE2\x1B[m", "??[m");
}

static void
test_limits(void **state)
{
	const unsigned char euros[] = "\xE2\x82\xAC\xE2\x82\xAC\xE2\x82\xAC";
	char out[8];

	(void)state;
	/* Never half a character, whether octets or characters run out. */
	assert_int_equal(printable_copy(out, 8, 200, euros, 9), 2);
	assert_string_equal(out, "\xE2\x82\xAC\xE2\x82\xAC");
	assert_int_equal(printable_copy(out, 6, 200, euros, 9), 1);
	assert_int_equal(printable_copy(out, 8, 1, euros, 9), 1);
	assert_string_equal(out, "\xE2\x82\xAC");
	assert_int_equal(printable_copy(out, 1, 200, euros, 9), 0);
	assert_string_equal(out, "");
	assert_int_equal(
		printable_copy(out, 8, 200, (const unsigned char *)"a\0b", 3), 3);
	assert_string_equal(out, "a?b");
}

static void
assert_field(const char *header, const char *name, const char *expected)
{
	const unsigned char *value;
	char text[128] = "absent";
	size_t n;

	if (mailbox_header_find(
		    (const unsigned char *)header, strlen(header), name, &value, &n))
		(void)mailbox_header_print(text, sizeof(text), 100, value, n);
	assert_string_equal(text, expected);
}

static void
test_fields(void **state)
{
	(void)state;
	assert_field("From: a@b\nSubject: x\n\nbody", "Subject", "x");
	assert_field("from :  a@b  \r\nX: y\r\n\r\n", "From", "a@b  ");
	assert_field("Subject: a\n b\n\tc\nX: d\n\n", "subject", "a b c");
	assert_field("Subject: a\r\n b\r\n\r\n", "Subject", "a b");
	assert_field("Subject:\n\n", "Subject", "");
	assert_field("Subject: first\nSubject: second\n", "Subject", "first");
	assert_field("Subject: no end", "Subject", "no end");
	assert_field("X-Subject: a\nSubjects: b\n\n", "Subject", "absent");
	assert_field("X: a\n Subject: folded\n\n", "Subject", "absent");
	assert_field("X: a\n\nSubject: body\n", "Subject", "absent");
	assert_field("X: a\r\n\r\nSubject: body\r\n", "Subject", "absent");
	assert_field("\nSubject: body\n", "Subject", "absent");
	assert_field("", "Subject", "absent");
	assert_field("Subject", "Subject", "absent");
	assert_field("Subject\n", "Subject", "absent");
}

int
test_printable(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_harmless),
		cmocka_unit_test(test_controls),
		cmocka_unit_test(test_broken_utf8),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_fields),
	};

	return cmocka_run_group_tests_name("printable", tests, NULL, NULL);
}
