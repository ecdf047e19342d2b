#include "tests/unit/auth_fixture.h"

#include <string.h>

#include "auth/saslprep.h"
#include "tests/unit/tests.h"

/* RFC 4013 section 3, and what RFC 5802 section 3 advises to try. */
static void
texts(void **state)
{
	static const struct {
		const char *text, *prepared; /* NULL: prohibited */
	} rows[] = {
		{"I\xc2\xadX", "IX"},
		{"user", "user"},
		{"USER", "USER"},
		{"\xc2\xaa", "a"},
		{"\xe2\x85\xa8", "IX"},
		{"\x07", NULL},
		{"\xd8\xa7\x31", NULL},
		{"a\xc2\xa0"
		 "b",
			"a b"},
		{"\xc2\xbd", "1\xe2\x81\x84"
			     "2"},
		{"\xef\xbd\x81", "a"},
		{"o\xcc\x88", "\xc3\xb6"},
		{" ", " "},
		{"\xc2\xad", NULL},
		{"\xff", NULL},
		{"\xc3", NULL},
		{"\xed\xa0\x80", NULL},
		{"\xf0\x9f\x98\x80", NULL}, /* not in Unicode 3.2 */
		{"a\x7f", NULL},
		{"", NULL},
	};
	char out[64];
	size_t n;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		bool good = saslprep(fixture_span(rows[i].text), out, sizeof(out), &n);

		if (good != (rows[i].prepared != NULL))
			fail_msg("row %zu is judged wrong", i);
		if (good) {
			assert_string_equal(out, rows[i].prepared);
			assert_int_equal(n, strlen(out));
		}
	}
}

static void
sizes(void **state)
{
	/* One of the characters that grow most. */
	static const char ligature[] = "\xef\xb7\xba";
	char text[1026], out[18 * 1024];
	size_t n;

	(void)state;
	memset(text, 'x', sizeof(text));
	text[1025] = '\0';
	assert_false(saslprep(fixture_span(text), out, sizeof(out), &n));
	text[1024] = '\0';
	assert_true(saslprep(fixture_span(text), out, sizeof(out), &n));
	assert_false(saslprep(fixture_span(text), out, 1024, &n));
	assert_true(saslprep(fixture_span(text), out, 1025, &n));
	for (size_t i = 0; i + 3 <= 1024; i += 3)
		memcpy(text + i, ligature, 3);
	text[1023] = '\0';
	(void)saslprep(fixture_span(text), out, sizeof(out), &n);
	assert_false(saslprep(
		(struct auth_span){(const unsigned char *)"a\0b", 3}, out, 64, &n));
}

int
test_saslprep(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(texts),
		cmocka_unit_test(sizes),
	};

	return cmocka_run_group_tests_name("saslprep", tests, NULL, NULL);
}
