#include "tests/unit/config_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

struct config *fixture_config;
char config_fixture_path[64];
char config_fixture_problems[20000];
unsigned config_fixture_n_problems;

static void
take_problem(void *cookie, const char *text)
{
	size_t n = strlen(config_fixture_problems);

	assert_ptr_equal(cookie, &config_fixture_n_problems);
	assert_null(strchr(text, '\n'));
	config_fixture_n_problems++;
	(void)snprintf(config_fixture_problems + n, sizeof(config_fixture_problems) - n,
		"%s\n", text);
}

const struct config_report config_fixture_report = {
	take_problem, &config_fixture_n_problems};

int
config_fixture_set_up(void **state)
{
	(void)state;
	fixture_config = config_new();
	config_fixture_problems[0] = '\0';
	config_fixture_n_problems = 0;
	return fixture_config != NULL ? 0 : -1;
}

int
config_fixture_tear_down(void **state)
{
	(void)state;
	config_free(fixture_config);
	return 0;
}

bool
config_fixture_read(const char *text, size_t n)
{
	int fd = memfd_create("config", MFD_CLOEXEC);
	bool good;

	assert_true(fd >= 0);
	assert_int_equal(fchmod(fd, 0600), 0);
	assert_int_equal(write(fd, text, n), n);
	(void)snprintf(
		config_fixture_path, sizeof(config_fixture_path), "/proc/self/fd/%d", fd);
	config_fixture_problems[0] = '\0';
	config_fixture_n_problems = 0;
	good = config_read(fixture_config, config_fixture_path, &config_fixture_report);
	assert_int_equal(close(fd), 0);
	/* It says no exactly if it says why. */
	assert_int_equal(good, config_fixture_n_problems == 0);
	return good;
}

bool
config_fixture_read_text(const char *text)
{
	return config_fixture_read(text, strlen(text));
}

bool
config_fixture_option(const char *text)
{
	bool good;

	config_fixture_problems[0] = '\0';
	config_fixture_n_problems = 0;
	good = config_option(fixture_config, text, &config_fixture_report);
	assert_int_equal(good, config_fixture_n_problems == 0);
	return good;
}

void
config_fixture_expect(int line, const char *text)
{
	char expected[1024];

	(void)snprintf(expected, sizeof(expected), "%s:%d: %s\n", config_fixture_path,
		line, text);
	assert_string_equal(config_fixture_problems, expected);
}
