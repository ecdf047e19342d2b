#include "tests/unit/module_fixture.h"

#include <stdio.h>
#include <string.h>

#include "pop3d/coverage.h"
#include "tests/unit/tests.h"

static char problems[512];

static void
problem_note(void *cookie, const char *text)
{
	size_t n = strlen(problems);

	(void)cookie;
	(void)snprintf(problems + n, sizeof(problems) - n, "%s\n", text);
}

static void
log_drop(void *cookie, int priority, const char *text)
{
	(void)cookie;
	(void)priority;
	(void)text;
}

static const char *
config_none(void *cookie, const char *module, const char *key)
{
	(void)cookie;
	(void)module;
	(void)key;
	return NULL;
}

/* mod_ok serves passwords only, mod_puppet passwords and tokens. */
static bool
check(const char *modules, const char *mechanisms)
{
	const struct auth_chain_options options = {.directory = fixture_directory,
		.modules = modules,
		.log = log_drop,
		.config = config_none};
	const struct config_report report = {problem_note, NULL};
	char modules_copy[64], mechanisms_copy[64], error[256];
	struct config config = {0};
	struct service service = {.config = &config};
	bool good;

	(void)snprintf(modules_copy, sizeof(modules_copy), "%s", modules);
	(void)snprintf(mechanisms_copy, sizeof(mechanisms_copy), "%s", mechanisms);
	config.auth.modules = modules_copy;
	config.auth.mechanisms = mechanisms_copy;
	problems[0] = '\0';
	service.chain = auth_chain_load(&options, error, sizeof(error));
	assert_non_null(service.chain);
	good = coverage_check(&service, &report);
	auth_chain_free(service.chain);
	return good;
}

static int
setup(void **state)
{
	if (fixture_setup(state) != 0)
		return 1;
	fixture_module("mod_ok");
	fixture_module("mod_puppet");
	return 0;
}

static void
what_fits_is_no_problem(void **state)
{
	(void)state;
	assert_true(check("mod_ok", "USER"));
	assert_true(check("mod_ok", " PLAIN  USER "));
	assert_true(check("mod_ok mod_puppet", "USER XOAUTH2"));
	assert_string_equal(problems, "");
}

static void
mechanisms_that_nobody_serves(void **state)
{
	(void)state;
	assert_false(check("mod_ok mod_puppet", "APOP USER XOAUTH2 CRAM-MD5"));
	assert_string_equal(problems, "auth.mechanisms: no module serves APOP\n"
				      "auth.mechanisms: no module serves CRAM-MD5\n");
}

static void
modules_that_nobody_asks(void **state)
{
	(void)state;
	assert_false(check("mod_puppet mod_ok", "XOAUTH2"));
	assert_string_equal(problems, "auth.modules: no mechanism asks mod_ok\n");
	assert_false(check("mod_ok", ""));
	assert_string_equal(problems, "auth.modules: no mechanism asks mod_ok\n");
	assert_false(check("mod_ok", "XOAUTH2"));
	assert_string_equal(problems, "auth.mechanisms: no module serves XOAUTH2\n"
				      "auth.modules: no mechanism asks mod_ok\n");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, fixture_teardown)

int
test_coverage(void)
{
	const struct CMUnitTest tests[] = {
		TEST(what_fits_is_no_problem),
		TEST(mechanisms_that_nobody_serves),
		TEST(modules_that_nobody_asks),
	};

	return cmocka_run_group_tests_name("coverage", tests, NULL, NULL);
}
