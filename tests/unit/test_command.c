#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "pop3d/command.h"
#include "tests/unit/tests.h"

static char line[512];

static struct command
parse(const char *text)
{
	struct command command;
	size_t n = strlen(text);

	assert_true(n < sizeof(line));
	memcpy(line, text, n + 1);
	/* Whatever was there must not shine through. */
	memset(&command, 0xa5, sizeof(command));
	command_parse(&command, line, n);
	return command;
}

/* What kinds of arguments each verb takes (RFC 1939, RFC 2449 section 5). */
static const struct {
	const char *name;
	enum command_verb verb;
	bool none, text, one, two;
} verbs[] = {
	{"APOP", COMMAND_APOP, false, true, true, true},
	{"AUTH", COMMAND_AUTH, true, true, true, true},
	{"CAPA", COMMAND_CAPA, true, false, false, false},
	{"DELE", COMMAND_DELE, false, false, true, false},
	{"LIST", COMMAND_LIST, true, false, true, false},
	{"NOOP", COMMAND_NOOP, true, false, false, false},
	{"PASS", COMMAND_PASS, false, true, true, true},
	{"QUIT", COMMAND_QUIT, true, false, false, false},
	{"RETR", COMMAND_RETR, false, false, true, false},
	{"RSET", COMMAND_RSET, true, false, false, false},
	{"STAT", COMMAND_STAT, true, false, false, false},
	{"STLS", COMMAND_STLS, true, false, false, false},
	{"TOP", COMMAND_TOP, false, false, false, true},
	{"UIDL", COMMAND_UIDL, true, false, true, false},
	{"USER", COMMAND_USER, false, true, true, true},
	{"XCLIENT", COMMAND_XCLIENT, false, true, true, true},
};

#define VERBS (sizeof(verbs) / sizeof(verbs[0]))

static void
expect(size_t i, const char *arguments, bool well_formed)
{
	char text[300];
	struct command command;

	(void)snprintf(text, sizeof(text), "%s%s", verbs[i].name, arguments);
	command = parse(text);
	assert_int_equal(command.verb, verbs[i].verb);
	if (command.well_formed != well_formed)
		fail_msg("\"%s\" is %swell formed", text, well_formed ? "" : "not ");
}

static void
test_arguments(void **state)
{
	(void)state;
	assert_int_equal(VERBS, COMMAND_VERBS - 1);
	for (size_t i = 0; i < VERBS; i++) {
		/* A space at the end is part of a password only. */
		bool pass = verbs[i].verb == COMMAND_PASS;

		expect(i, "", verbs[i].none);
		expect(i, " ", verbs[i].none && !pass);
		expect(i, "  ", verbs[i].none || pass);
		expect(i, " x", verbs[i].text);
		expect(i, " 1", verbs[i].one);
		expect(i, " 1 ", verbs[i].one);
		expect(i, " 1  ", verbs[i].one);
		expect(i, "  1", verbs[i].text);
		expect(i, " 1 2", verbs[i].two);
		expect(i, " 1 2 ", verbs[i].two);
		expect(i, " 1  2", verbs[i].text);
		expect(i, " 1 2 3", verbs[i].text);
	}
}

static void
test_case(void **state)
{
	(void)state;
	for (size_t i = 0; i < VERBS; i++) {
		size_t n = strlen(verbs[i].name);

		/* Each mixture of upper and lower case. */
		for (unsigned mask = 0; mask < 1u << n; mask++) {
			char name[8] = "";

			for (size_t j = 0; j < n; j++)
				name[j] = (char)((mask >> j & 1) != 0
							 ? tolower(verbs[i].name[j])
							 : verbs[i].name[j]);
			assert_int_equal(parse(name).verb, verbs[i].verb);
		}
	}
}

static void
test_unknown(void **state)
{
	static const char *const unknown[] = {
		"",
		" ",
		"   ",
		" NOOP",
		"\tNOOP",
		"NOOPS",
		"NOO",
		"N",
		"NOOP\t",
		"XTND",
		"STARTTLS",
		"LAST",
		"TOPP 1 2",
		"TO P",
		"TOP1",
		"QUIT\x80",
		"\xd1UIT",
		"QU\xc4\xb0T",
		".",
		"+OK",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(unknown) / sizeof(unknown[0]); i++) {
		struct command command = parse(unknown[i]);

		if (command.verb != COMMAND_UNKNOWN)
			fail_msg("\"%s\" is known", unknown[i]);
		assert_false(command.well_formed);
		assert_null(command.text);
		assert_int_equal(command.numbers, 0);
	}
}

static void
test_numbers(void **state)
{
	static const struct {
		const char *text;
		bool good;
		uint64_t number;
	} cases[] = {
		{"0", true, 0},
		{"1", true, 1},
		{"01", true, 1},
		{"4294967297", true, 4294967297},
		{"18446744073709551615", true, UINT64_MAX},
		{"18446744073709551616", true, UINT64_MAX},
		{"18446744073709551617", true, UINT64_MAX},
		{"99999999999999999999999999999999999999999999", true, UINT64_MAX},
		{"-1", false, 0},
		{"+1", false, 0},
		{"1.0", false, 0},
		{"0x1", false, 0},
		{"1abc", false, 0},
		{"abc", false, 0},
		{"1,2", false, 0},
		{"1\t", false, 0},
		{"\x31\xb2", false, 0},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char text[128];
		struct command command;

		(void)snprintf(text, sizeof(text), "RETR %s", cases[i].text);
		command = parse(text);
		assert_int_equal(command.well_formed, cases[i].good);
		if (cases[i].good) {
			assert_int_equal(command.numbers, 1);
			assert_int_equal(command.number[0], cases[i].number);
		}
		(void)snprintf(text, sizeof(text), "TOP 7 %s", cases[i].text);
		command = parse(text);
		assert_int_equal(command.well_formed, cases[i].good);
		assert_int_equal(command.number[0], 7);
		if (cases[i].good) {
			assert_int_equal(command.numbers, 2);
			assert_int_equal(command.number[1], cases[i].number);
		}
		(void)snprintf(text, sizeof(text), "TOP %s 7", cases[i].text);
		assert_int_equal(parse(text).well_formed, cases[i].good);
	}
	assert_int_equal(parse("LIST").numbers, 0);
	assert_int_equal(parse("LIST ").numbers, 0);
}

static void
test_text(void **state)
{
	(void)state;
	assert_string_equal(parse("USER jo").text, "jo");
	assert_string_equal(parse("USER jo@example.org").text, "jo@example.org");
	assert_string_equal(parse("USER jo  ").text, "jo");
	assert_string_equal(parse("USER  jo").text, " jo");
	assert_string_equal(parse("USER jo smith").text, "jo smith");
	assert_null(parse("USER").text);
	assert_null(parse("USER    ").text);
	/* In a password every space counts, but the one behind the verb. */
	assert_string_equal(parse("PASS secret").text, "secret");
	assert_string_equal(parse("PASS two words").text, "two words");
	assert_string_equal(parse("PASS secret  ").text, "secret  ");
	assert_string_equal(parse("PASS  secret").text, " secret");
	assert_string_equal(parse("PASS  ").text, " ");
	assert_string_equal(parse("PASS \xc3\xa9=\"\\\t").text, "\xc3\xa9=\"\\\t");
	/* The text is inside the line. */
	assert_ptr_equal(parse("PASS x").text, line + 5);
	assert_null(parse("RETR 1").text);
}

/* A line as long as a line can be, all of it one argument. */
static void
test_long(void **state)
{
	char text[256];
	struct command command;

	(void)state;
	memset(text, '9', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	memcpy(text, "RETR ", 5);
	command = parse(text);
	assert_true(command.well_formed);
	assert_int_equal(command.number[0], UINT64_MAX);
	memcpy(text, "PASS ", 5);
	assert_int_equal(strlen(parse(text).text), 250);
	memset(text, ' ', sizeof(text) - 1);
	memcpy(text, "NOOP", 4);
	assert_true(parse(text).well_formed);
	memset(text, 'A', sizeof(text) - 1);
	assert_int_equal(parse(text).verb, COMMAND_UNKNOWN);
}

int
test_command(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_arguments),
		cmocka_unit_test(test_case),
		cmocka_unit_test(test_unknown),
		cmocka_unit_test(test_numbers),
		cmocka_unit_test(test_text),
		cmocka_unit_test(test_long),
	};

	return cmocka_run_group_tests_name("command", tests, NULL, NULL);
}
