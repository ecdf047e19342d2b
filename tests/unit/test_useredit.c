#include "tests/unit/auth_fixture.h"

#include <stdlib.h>
#include <string.h>

#include "auth/useredit.h"
#include "tests/unit/tests.h"

/* Edit the entry of jo; keys and add as for useredit_keys(). */
static bool
edit_jo(const char *before, const char *secret, const char *keys, bool add)
{
	static struct userfile_reader reader;
	struct auth_span line;
	struct useredit edit;

	fixture_write("users", before, strlen(before), 0600);
	assert_true(useredit_begin(&edit, fixture_path("users"), false));
	userfile_start(&reader, edit.fd);
	assert_int_equal(userfile_find(&reader, "jo", &line), USERFILE_LINE);
	if (!useredit_password(&edit, &reader, line, secret) ||
		!useredit_keys(&edit, &reader, line, keys, add))
		return false;
	assert_true(useredit_commit(&edit));
	return true;
}

static void
passwords_and_keys(void **state)
{
	static const struct {
		const char *before, *keys;
		bool add;
		const char *after;
	} rows[] = {
		{"a:x\njo:old:1:2::/h::x y\nb:y", "K", false,
			"a:x\njo:new:1:2::/h::x y\nb:y"},
		{"jo:old:1:2::/h::x y\nb", "K", true, "jo:new:1:2::/h::x y scram=K\nb"},
		{"jo:old:1:2::/h::x scram=1 y\n", "K", false,
			"jo:new:1:2::/h::x scram=K y\n"},
		{"jo:old:1:2::/h::x scram=1 y\n", "K", true,
			"jo:new:1:2::/h::x scram=K y\n"},
		{"jo:old:1:2::/h::scram=1 y\n", NULL, false, "jo:new:1:2::/h:: y\n"},
		{"jo:old:1:2::/h::x scram=1\n", NULL, false, "jo:new:1:2::/h::x\n"},
		{"jo:old:1:2::/h::scram=1\n", NULL, true, "jo:new:1:2::/h::\n"},
		{"jo:old:1:2::/h::scram=\n", "K", false, "jo:new:1:2::/h::scram=K\n"},
		{"jo:old:1:2::/h::\r\n", "K", true, "jo:new:1:2::/h::scram=K\r\n"},
		{"jo:old:1:2::/h:", "K", true, "jo:new:1:2::/h::scram=K"},
		{"jo:old\nx", "K", true, "jo:new::::::scram=K\nx"},
		{"jo\nx", "K", true, "jo:new::::::scram=K\nx"},
		{"jo\nx", "K", false, "jo:new\nx"},
		{"jo::::::::mbox:/x\n", "K", false, "jo:new:::::::mbox:/x\n"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char *text;
		size_t n;

		assert_true(edit_jo(rows[i].before, "new", rows[i].keys, rows[i].add));
		text = fixture_read("users", &n);
		assert_string_equal(text, rows[i].after);
		free(text);
	}
}

/* There, a word would become part of the mail location. */
static void
old_form_takes_no_keys(void **state)
{
	char *text;
	size_t n;

	(void)state;
	assert_false(edit_jo("jo:old:::::::mbox:/x\n", "new", "K", true));
	text = fixture_read("users", &n);
	assert_string_equal(text, "jo:old:::::::mbox:/x\n");
	free(text);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int
test_useredit(void)
{
	const struct CMUnitTest tests[] = {
		TEST(passwords_and_keys),
		TEST(old_form_takes_no_keys),
	};

	return cmocka_run_group_tests_name("useredit", tests, NULL, NULL);
}
