#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <syslog.h>

#include <cmocka.h>

#include "pop3d/config.h"
#include "tests/unit/config_fixture.h"
#include "tests/unit/tests.h"

static void
test_defaults(void **state)
{
	(void)state;
	assert_true(strlen(fixture_config->server.hostname) > 0);
	assert_string_equal(fixture_config->server.run_directory, POP3D_RUN);
	assert_string_equal(fixture_config->server.user, "pop3d");
	assert_string_equal(fixture_config->server.chroot, POP3D_EMPTY);
	assert_string_equal(fixture_config->server.log, "syslog");
	assert_int_equal(fixture_config->server.log_level, LOG_INFO);
	assert_string_equal(fixture_config->auth.modules, "passwd");
	assert_string_equal(fixture_config->auth.mechanisms, "USER PLAIN LOGIN");
	assert_string_equal(fixture_config->auth.module_directory, POP3D_MODULES);
	assert_int_equal(fixture_config->auth.plaintext_login, PLAINTEXT_LOCAL);
	assert_int_equal(fixture_config->auth.min_uid, 1000);
	assert_int_equal(fixture_config->auth.max_attempts, 3);
	assert_int_equal(fixture_config->auth.failure_delay, 2);
	assert_int_equal(fixture_config->auth.timeout, 30);
	assert_int_equal(fixture_config->limits.connections, 500);
	assert_int_equal(fixture_config->limits.connections_per_address, 50);
	assert_int_equal(fixture_config->limits.login_seconds, 60);
	assert_int_equal(fixture_config->limits.idle_seconds, 600);
	assert_int_equal(fixture_config->limits.output_seconds, 120);
	assert_int_equal(fixture_config->limits.lock_seconds, 3);
	assert_int_equal(fixture_config->limits.lock_lease_seconds, 300);
	assert_int_equal(fixture_config->limits.messages, 1000000);
	assert_int_equal(fixture_config->limits.octets, 0);
	assert_int_equal(fixture_config->limits.bad_commands, 20);
	assert_int_equal(fixture_config->limits.wait_idle_seconds, 60);
	assert_string_equal(fixture_config->mail.location, "maildir:~/Maildir");
	assert_string_equal(fixture_config->mail.uid, "");
	assert_string_equal(fixture_config->mail.gid, "");
	assert_string_equal(fixture_config->mail.extra_group, "");
	assert_string_equal(fixture_config->mail.mbox_locks, "fcntl dotlock");
	assert_null(fixture_config->module_values);
}

static void
test_free_nothing(void **state)
{
	(void)state;
	config_free(NULL);
}

static void
test_syntax(void **state)
{
	(void)state;
	assert_true(config_fixture_read_text(""));
	assert_true(config_fixture_read_text("\n\n  \n\t\n"));
	assert_true(config_fixture_read_text("# comment\n; comment\n\n[server]\n"));
	assert_true(config_fixture_read_text("[server]\nuser=a\nhostname\t =\t b \n\n"
					     "# comment\n  log = stderr   # comment\n"
					     "[mail]\nuid = c#d\n[auth]\nmodules = x y"));
	assert_string_equal(fixture_config->server.user, "a");
	assert_string_equal(fixture_config->server.hostname, "b");
	assert_string_equal(fixture_config->server.log, "stderr");
	assert_string_equal(fixture_config->mail.uid, "c#d");
	/* The last line had no end. */
	assert_string_equal(fixture_config->auth.modules, "x y");
	assert_true(config_fixture_read_text("[server]\r\nuser = crlf\r\n"));
	assert_string_equal(fixture_config->server.user, "crlf");
	assert_true(
		config_fixture_read_text("[mail]\nuid =\n[server]\n[mail]\ngid = g\n"));
	assert_string_equal(fixture_config->mail.uid, "");
	assert_string_equal(fixture_config->mail.gid, "g");
}

/* Later files win over earlier ones, and a key that is not in a file keeps its value. */
static void
test_layers(void **state)
{
	(void)state;
	assert_true(
		config_fixture_read_text("[server]\nuser = one\n[auth]\ntimeout = 7\n"));
	assert_true(config_fixture_read_text("[server]\nuser = two\n"));
	assert_true(config_fixture_option("server.user=three"));
	assert_string_equal(fixture_config->server.user, "three");
	assert_int_equal(fixture_config->auth.timeout, 7);
	assert_int_equal(fixture_config->auth.min_uid, 1000);
}

static void
test_wrong_lines(void **state)
{
	(void)state;
	assert_false(config_fixture_read_text("[server]\n\nuser\n"));
	config_fixture_expect(3, "neither [section] nor key = value");
	assert_false(config_fixture_read_text("[server\nuser = x\n"));
	assert_non_null(
		strstr(config_fixture_problems, ":1: neither [section] nor key = value"));
	assert_false(config_fixture_read_text("# one\n[server]\ncolour = red\n"));
	config_fixture_expect(3, "unknown key \"colour\" in section [server]");
	assert_false(config_fixture_read_text("[colours]\nuser = red\n"));
	config_fixture_expect(2, "unknown key \"user\" in section [colours]");
	assert_false(config_fixture_read_text("user = red\n"));
	config_fixture_expect(1, "unknown key \"user\" in section []");
	assert_false(config_fixture_read_text("[Server]\nuser = red\n"));
	config_fixture_expect(2, "unknown key \"user\" in section [Server]");
	assert_false(config_fixture_read_text("[server]\nUser = red\n"));
	config_fixture_expect(2, "unknown key \"User\" in section [server]");
	assert_false(config_fixture_read_text("[auth.]\nfile = /x\n"));
	config_fixture_expect(2, "unknown key \"file\" in section [auth.]");
	assert_string_equal(fixture_config->server.user, "pop3d");
}

/* What is right beside what is wrong has been taken, and each wrong line is named. */
static void
test_many_problems(void **state)
{
	(void)state;
	assert_false(config_fixture_read_text(
		"[auth]\ntimeout = 5\nmin_uid = many\ncolour = red\n"
		"max_attempts = 0\n[server]\nuser = jo\nrubbish\n"));
	assert_int_equal(config_fixture_n_problems, 4);
	assert_non_null(strstr(config_fixture_problems,
		":3: auth.min_uid must be a number, digits only"));
	assert_non_null(strstr(config_fixture_problems, ":4: unknown key \"colour\""));
	assert_non_null(
		strstr(config_fixture_problems, ":5: auth.max_attempts is too small"));
	assert_non_null(strstr(config_fixture_problems, ":8: neither"));
	assert_int_equal(fixture_config->auth.timeout, 5);
	assert_int_equal(fixture_config->auth.min_uid, 1000);
	assert_int_equal(fixture_config->auth.max_attempts, 3);
	assert_string_equal(fixture_config->server.user, "jo");
}

static void
test_duplicates(void **state)
{
	(void)state;
	assert_false(config_fixture_read_text(
		"[auth]\ntimeout = 5\nmin_uid = 7\n\n[auth]\ntimeout = 6\n"));
	config_fixture_expect(6, "auth.timeout is set a second time, first on line 2");
	/* In two files it is no mistake. */
	assert_true(config_fixture_read_text("[auth]\ntimeout = 8\n"));
	assert_int_equal(fixture_config->auth.timeout, 8);
}

static void
test_long_lines(void **state)
{
	/* Comments and values; the longest good one has 4095 octets. */
	static const size_t lengths[] = {4094, 4097, 4200, 8192, 20000};
	static char text[20100];

	(void)state;
	for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++)
		for (unsigned way = 0; way < 2; way++) {
			const char *start =
				way == 0 ? "[server]\nuser = " : "[server]\n#";
			size_t n = strlen(start), end = 9 + lengths[i];

			memcpy(text, start, n);
			memset(text + n, 'u', end - n);
			memcpy(text + end, "\nlog = stderr\n", 15);
			assert_true(config_fixture_option("server.log=syslog"));
			assert_int_equal(config_fixture_read_text(text), i == 0);
			if (i > 0)
				config_fixture_expect(2, "line too long");
			/* Its tail is no line of its own, and the next one counts. */
			assert_string_equal(fixture_config->server.log, "stderr");
		}
	assert_int_equal(strlen(fixture_config->server.user), 4094 - strlen("user = "));
}

static void
test_nul(void **state)
{
	static const char text[] = "[server]\nuser = a\0b\nlog = stderr\n";
	static const char comment[] = "[server]\n#\0\nlog = syslog\n";

	(void)state;
	assert_false(config_fixture_read(text, sizeof(text) - 1));
	config_fixture_expect(2, "a NUL byte in the line");
	assert_string_equal(fixture_config->server.user, "pop3d");
	assert_string_equal(fixture_config->server.log, "stderr");
	assert_false(config_fixture_read(comment, sizeof(comment) - 1));
	config_fixture_expect(2, "a NUL byte in the line");
	assert_string_equal(fixture_config->server.log, "syslog");
}

static void
test_missing_file(void **state)
{
	(void)state;
	assert_false(config_read(
		fixture_config, "/nonexistent/pop3d.conf", &config_fixture_report));
	assert_string_equal(config_fixture_problems,
		"/nonexistent/pop3d.conf: No such file or directory\n");
	config_fixture_problems[0] = '\0';
	assert_false(config_read(fixture_config, "/", &config_fixture_report));
	assert_non_null(strstr(config_fixture_problems, "/: "));
}

int
test_config(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			test_defaults, config_fixture_set_up, config_fixture_tear_down),
		cmocka_unit_test_setup_teardown(test_free_nothing, config_fixture_set_up,
			config_fixture_tear_down),
		cmocka_unit_test_setup_teardown(
			test_syntax, config_fixture_set_up, config_fixture_tear_down),
		cmocka_unit_test_setup_teardown(
			test_layers, config_fixture_set_up, config_fixture_tear_down),
		cmocka_unit_test_setup_teardown(test_wrong_lines, config_fixture_set_up,
			config_fixture_tear_down),
		cmocka_unit_test_setup_teardown(test_many_problems, config_fixture_set_up,
			config_fixture_tear_down),
		cmocka_unit_test_setup_teardown(
			test_duplicates, config_fixture_set_up, config_fixture_tear_down),
		cmocka_unit_test_setup_teardown(
			test_long_lines, config_fixture_set_up, config_fixture_tear_down),
		cmocka_unit_test_setup_teardown(
			test_nul, config_fixture_set_up, config_fixture_tear_down),
		cmocka_unit_test_setup_teardown(test_missing_file, config_fixture_set_up,
			config_fixture_tear_down),
	};

	return cmocka_run_group_tests_name("config", tests, NULL, NULL);
}
