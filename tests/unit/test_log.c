#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/log_fixture.h"
#include "tests/unit/tests.h"

/* One event with one value, to `logged`. */
static void
log_value(const char *value)
{
	struct log_line line;

	log_begin(&line, "login");
	log_text(&line, "user", value);
	log_end(&line, LOG_INFO);
}

static void
expect_encoded(const char *value, const char *encoded)
{
	char expected[LOG_TEXT_MAX];

	(void)snprintf(expected, sizeof(expected), "event=login user=%s", encoded);
	log_value(value);
	assert_string_equal(logged, expected);
}

static void
test_event(void **state)
{
	struct log_line line;

	(void)state;
	log_begin(&line, "session-end");
	log_text(&line, "user", "jo");
	log_number(&line, "left", 0);
	log_number(&line, "most", UINT64_MAX);
	log_pair(&line, "retr", 3, 4711);
	log_pair(&line, "top", UINT64_MAX, 0);
	log_text(&line, "reason", "quit");
	assert_int_equal(n_logged, 0);
	log_end(&line, LOG_INFO);
	assert_int_equal(n_logged, 1);
	assert_int_equal(logged_priority, LOG_INFO);
	assert_string_equal(logged, "event=session-end user=jo left=0 "
				    "most=18446744073709551615 retr=3/4711 "
				    "top=18446744073709551615/0 reason=quit");
}

static void
test_values(void **state)
{
	(void)state;
	expect_encoded("jo@example.org", "jo@example.org");
	expect_encoded("", "\"\"");
	expect_encoded(" ", "\" \"");
	expect_encoded("two words", "\"two words\"");
	expect_encoded("a=b", "\"a=b\"");
	expect_encoded("\"", "\"\\\"\"");
	expect_encoded("\\", "\"\\\\\"");
	expect_encoded("x\\\" y=\"", "\"x\\\\\\\" y=\\\"\"");
	expect_encoded(
		"jo\r\nevent=login user=root", "\"jo\\x0d\\x0aevent=login user=root\"");
	expect_encoded("caf\xc3\xa9", "\"caf\\xc3\\xa9\"");
	expect_encoded("\x1b[2J\x7f", "\"\\x1b[2J\\x7f\"");
	expect_encoded("%s%n", "%s%n");
}

/* Each octet there is, alone and between two others. */
static void
test_each_octet(void **state)
{
	(void)state;
	for (unsigned octet = 1; octet < 256; octet++) {
		bool plain = octet > 0x20 && octet < 0x7f && octet != '"' &&
			     octet != '\\' && octet != '=';
		bool quoted_as_it_is = plain || octet == ' ' || octet == '=';
		char one[2] = {(char)octet, '\0'},
		     three[4] = {'a', (char)octet, 'b', '\0'};
		char escaped[8], expected[16];

		if (quoted_as_it_is)
			(void)snprintf(escaped, sizeof(escaped), "%s", one);
		else if (octet == '"' || octet == '\\')
			(void)snprintf(escaped, sizeof(escaped), "\\%s", one);
		else
			(void)snprintf(escaped, sizeof(escaped), "\\x%02x", octet);
		(void)snprintf(
			expected, sizeof(expected), plain ? "%s" : "\"%s\"", escaped);
		expect_encoded(one, expected);
		(void)snprintf(
			expected, sizeof(expected), plain ? "a%sb" : "\"a%sb\"", escaped);
		expect_encoded(three, expected);
	}
}

/* Split a line as its readers do.  Returns how many values it has; false: malformed. */
static bool
split_line(const char *text, unsigned *values)
{
	*values = 0;
	for (;;) {
		size_t key = strcspn(text, "= \"");

		if (text[key] != '=')
			return false;
		text += key + 1;
		*values += 1;
		if (*text == '"') {
			for (text++; *text != '"'; text++) {
				if (*text == '\\' && text[1] != '\0')
					text++;
				if (*text == '\0')
					return false;
			}
			text++;
		} else {
			text += strcspn(text, " \"=");
		}
		if (*text == '\0')
			return true;
		if (*text++ != ' ')
			return false;
	}
}

/* Whatever is in a value, the line has the same number of them. */
static void
test_no_break_out(void **state)
{
	static const char letters[] = "a \"\\=\n";
	char value[6];
	unsigned values;

	(void)state;
	for (size_t n = 0; n < sizeof(value); n++) {
		unsigned codes = 1;

		for (size_t i = 0; i < n; i++)
			codes *= sizeof(letters) - 1;
		for (unsigned code = 0; code < codes; code++) {
			unsigned rest = code;

			for (size_t i = 0; i < n; i++, rest /= sizeof(letters) - 1)
				value[i] = letters[rest % (sizeof(letters) - 1)];
			value[n] = '\0';
			log_value(value);
			if (!split_line(logged, &values) || values != 2)
				fail_msg("\"%s\" became %s", value, logged);
		}
	}
}

/* Of each length and kind, and more keys behind it: whole pairs, no overflow. */
static void
test_long_values(void **state)
{
	static const char fill[] = {'a', ' ', '"', '\n', '\xff'};
	static char value[2 * LOG_TEXT_MAX];
	unsigned values;

	(void)state;
	for (size_t kind = 0; kind < sizeof(fill); kind++)
		for (size_t n = 300; n < sizeof(value); n++) {
			struct log_line *line = malloc(sizeof(*line));

			assert_non_null(line);
			memset(value, fill[kind], n);
			value[n] = '\0';
			log_begin(line, "x");
			log_text(line, "user", value);
			log_text(line, "more", value);
			log_number(line, "number", UINT64_MAX);
			log_pair(line, "pair", UINT64_MAX, UINT64_MAX);
			log_text(line, "quoted", " ");
			log_text(line, "rip", "127.0.0.1");
			assert_true(line->n < sizeof(line->text));
			log_end(line, LOG_INFO);
			free(line);
			assert_true(split_line(logged, &values) && values >= 2);
			assert_int_not_equal(logged[strlen(logged) - 1], '=');
			for (const char *p = logged; *p != '\0'; p++)
				assert_true(*p >= 0x20 && *p < 0x7f);
		}
}

/* A value that is cut keeps its closing quote. */
static void
test_cut_value(void **state)
{
	static char value[2 * LOG_TEXT_MAX];
	unsigned values;

	(void)state;
	for (size_t n = 300; n < sizeof(value) - 1; n++) {
		memset(value, '\n', n);
		value[n] = '\0';
		log_value(value);
		if (!split_line(logged, &values) || values != 2)
			fail_msg("%zu octets: %s", n, logged);
	}
}

static void
test_message(void **state)
{
	static const struct {
		int priority;
		const char *word;
	} priorities[] = {{LOG_CRIT, "error"}, {LOG_ERR, "error"},
		{LOG_WARNING, "warning"}, {LOG_NOTICE, "info"}, {LOG_INFO, "info"}};
	char expected[64], value[3000];
	unsigned values;

	(void)state;
	for (size_t i = 0; i < sizeof(priorities) / sizeof(priorities[0]); i++) {
		(void)snprintf(expected, sizeof(expected), "event=%s message=\"no 7\"",
			priorities[i].word);
		log_message(priorities[i].priority, "%s %d", "no", 7);
		assert_string_equal(logged, expected);
		assert_int_equal(logged_priority, priorities[i].priority);
	}
	log_message(LOG_ERR, "user %s: gone", "\"x\"\n");
	assert_string_equal(logged, "event=error message=\"user \\\"x\\\"\\x0a: gone\"");
	memset(value, '\1', sizeof(value) - 1);
	value[sizeof(value) - 1] = '\0';
	log_message(LOG_ERR, "%s", value);
	assert_true(split_line(logged, &values));
	assert_int_equal(values, 2);
}

static void
test_raw(void **state)
{
	(void)state;
	log_raw(LOG_WARNING, "event=x  as=it \"is\" %s");
	assert_string_equal(logged, "event=x  as=it \"is\" %s");
	assert_int_equal(logged_priority, LOG_WARNING);
}

int
test_log(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_event),
		cmocka_unit_test(test_values),
		cmocka_unit_test(test_each_octet),
		cmocka_unit_test(test_no_break_out),
		cmocka_unit_test(test_long_values),
		cmocka_unit_test(test_cut_value),
		cmocka_unit_test(test_message),
		cmocka_unit_test(test_raw),
	};

	return cmocka_run_group_tests_name("log", tests, log_set_up, log_tear_down);
}
