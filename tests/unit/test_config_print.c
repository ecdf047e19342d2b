#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "pop3d/config.h"
#include "pop3d/config_keys.h"
#include "tests/unit/config_fixture.h"
#include "tests/unit/tests.h"

/* The whole configuration as text, to be freed. */
static char *
print(const struct config *printed)
{
	char *text = NULL;
	size_t n = 0;
	FILE *file = open_memstream(&text, &n);

	assert_non_null(file);
	config_print(printed, file);
	assert_int_equal(fclose(file), 0);
	return text;
}

static void
test_module_sections(void **state)
{
	static const char *const keys[] = {"file", "colour", NULL};
	static const char *const fewer[] = {"file", NULL};
	static const char *const none[] = {NULL};

	(void)state;
	assert_null(config_module_value(fixture_config, "passwd", "file"));
	assert_true(config_fixture_read_text(
		"[auth.passwd]\nfile = /a\ncolour = red\n[auth.pam]\n"
		"file = /b\n"));
	assert_string_equal(config_module_value(fixture_config, "passwd", "file"), "/a");
	assert_string_equal(
		config_module_value(fixture_config, "passwd", "colour"), "red");
	assert_string_equal(config_module_value(fixture_config, "pam", "file"), "/b");
	assert_null(config_module_value(fixture_config, "pam", "colour"));
	assert_null(config_module_value(fixture_config, "apop", "file"));
	assert_null(config_module_value(fixture_config, "passw", "file"));
	/* The last word counts. */
	assert_true(config_fixture_option("auth.passwd.file=/c=d"));
	assert_string_equal(
		config_module_value(fixture_config, "passwd", "file"), "/c=d");
	config_fixture_n_problems = 0;
	assert_true(config_module_check(
		fixture_config, "passwd", keys, &config_fixture_report));
	assert_true(config_module_check(
		fixture_config, "passwd", NULL, &config_fixture_report));
	assert_true(config_module_check(
		fixture_config, "apop", none, &config_fixture_report));
	assert_int_equal(config_fixture_n_problems, 0);
	config_fixture_problems[0] = '\0';
	assert_false(config_module_check(
		fixture_config, "passwd", fewer, &config_fixture_report));
	config_fixture_expect(3, "unknown key \"colour\" in section [auth.passwd]");
	config_fixture_problems[0] = '\0';
	assert_false(config_module_check(
		fixture_config, "passwd", none, &config_fixture_report));
	assert_non_null(strstr(
		config_fixture_problems, "option -o auth.passwd.file=/c=d: unknown key"));
	assert_non_null(strstr(config_fixture_problems, ":2: unknown key \"file\""));
}

static void
test_settings(void **state)
{
	static const char *const wrong[] = {
		"",
		"=",
		".",
		".=",
		"x",
		"server",
		"server.user",
		"server=user",
		"user=jo",
		".user=jo",
		"server.=jo",
		"=server.user",
		"server=x.user",
	};
	char text[600];

	(void)state;
	assert_true(config_fixture_option("server.user=jo"));
	assert_string_equal(fixture_config->server.user, "jo");
	assert_true(config_fixture_option("mail.uid="));
	assert_string_equal(fixture_config->mail.uid, "");
	assert_true(config_fixture_option("mail.location=mbox:/var/mail/%u.d=e"));
	assert_string_equal(fixture_config->mail.location, "mbox:/var/mail/%u.d=e");
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		(void)snprintf(text, sizeof(text),
			"option -o %s: must be section.key=value\n", wrong[i]);
		assert_false(config_fixture_option(wrong[i]));
		assert_string_equal(config_fixture_problems, text);
	}
	assert_false(config_fixture_option("server.colour=red"));
	assert_string_equal(config_fixture_problems,
		"option -o server.colour=red: unknown key "
		"\"colour\" in section [server]\n");
	assert_false(config_fixture_option("auth.timeout=0"));
	assert_string_equal(config_fixture_problems,
		"option -o auth.timeout=0: auth.timeout is too small\n");
	/* No name is cut to one that fits. */
	for (size_t n = 60; n < 500; n += n < 70 ? 1 : 100) {
		memset(text, 'a', n);
		memcpy(text + n, ".b=c", 5);
		assert_false(config_fixture_option(text));
		memcpy(text, "server.", 7);
		memcpy(text + n, "=c", 3);
		assert_false(config_fixture_option(text));
	}
}

/* Read what was printed, print it again: no key of the table may be lost. */
static void
test_print(void **state)
{
	static const char changed[] =
		"[server]\nhostname = h\nuser = u\nlog = file:/l\nlog_level = debug\n"
		"[auth]\nmodules = pam passwd\nplaintext_login = never\nmin_uid = 5\n"
		"[limits]\noctets = 9223372036854775807\nlock_seconds = 0\n"
		"[mail]\nlocation = mbox:/m/%u\nuid = vmail\nmbox_locks = dotlock\n";
	char *first, *second;

	(void)state;
	for (unsigned round = 0; round < 2; round++) {
		first = print(fixture_config);
		for (const struct config_key *key = config_keys; key->section != NULL;
			key++) {
			char line[128];

			(void)snprintf(line, sizeof(line), "\n%s = ", key->name);
			assert_non_null(strstr(first, line));
		}
		config_free(fixture_config);
		fixture_config = config_new();
		assert_non_null(fixture_config);
		assert_true(config_fixture_read_text(first));
		second = print(fixture_config);
		assert_string_equal(first, second);
		free(first);
		free(second);
		assert_true(config_fixture_read_text(changed));
	}
	assert_int_equal(fixture_config->limits.octets, INT64_MAX);
}

static void
test_print_modules(void **state)
{
	char *text;

	(void)state;
	assert_true(config_fixture_read_text(
		"[auth.passwd]\nfile = /a\n[auth.pam]\nservice = pop = 3\n"));
	assert_true(config_fixture_option("auth.passwd.file=/b"));
	text = print(fixture_config);
	assert_null(strstr(text, " /a\n"));
	config_free(fixture_config);
	fixture_config = config_new();
	assert_non_null(fixture_config);
	assert_true(config_fixture_read_text(text));
	free(text);
	assert_string_equal(config_module_value(fixture_config, "passwd", "file"), "/b");
	assert_string_equal(
		config_module_value(fixture_config, "pam", "service"), "pop = 3");
}

int
test_config_print(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_module_sections,
			config_fixture_set_up, config_fixture_tear_down),
		cmocka_unit_test_setup_teardown(
			test_settings, config_fixture_set_up, config_fixture_tear_down),
		cmocka_unit_test_setup_teardown(
			test_print, config_fixture_set_up, config_fixture_tear_down),
		cmocka_unit_test_setup_teardown(test_print_modules, config_fixture_set_up,
			config_fixture_tear_down),
	};

	return cmocka_run_group_tests_name("config_print", tests, NULL, NULL);
}
