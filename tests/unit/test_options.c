#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "pop3d/options.h"
#include "tests/unit/tests.h"

#define ARGUMENTS_MAX 200

static struct options options;
static char *arguments[ARGUMENTS_MAX + 1];

/* getopt() permutes what it is given, so each call gets pointers of its own. */
static void
parse(int argc, const char *const *argv)
{
	assert_true(argc < ARGUMENTS_MAX);
	memset(&options, 0xa5, sizeof(options));
	memcpy(arguments, argv, sizeof(argv[0]) * (size_t)argc);
	arguments[argc] = NULL;
	/* 0 makes glibc's getopt() start from nothing. */
	optind = 0;
	options_parse(&options, argc, arguments);
}

#define PARSE(...)                                                                       \
	do {                                                                             \
		static const char *const argv[] = {"pop3d", __VA_ARGS__};                \
		parse((int)(sizeof(argv) / sizeof(argv[0])), argv);                      \
	} while (0)

static void
expect_error(const char *text)
{
	assert_string_equal(options.error, text);
}

static void
test_none(void **state)
{
	static const char *const argv[] = {"pop3d"};

	(void)state;
	parse(1, argv);
	expect_error("");
	assert_null(options.config_path);
	assert_int_equal(options.n_settings, 0);
	assert_int_equal(options.n_addresses, 0);
	assert_false(options.test);
	assert_false(options.version);
	assert_false(options.help);
	assert_int_equal(options.table, -1);
	assert_ptr_equal(options.argv, arguments);
	assert_string_equal(options_config_path(&options), POP3D_CONFIG);
}

static void
test_each(void **state)
{
	(void)state;
	PARSE("-c", "/a/b.conf", "-o", "server.user=jo", "-l", "127.0.0.1:1110", "-o",
		"mail.uid=", "-l", "[::1]:1110", "-t", "-V", "-h", "-R", "7");
	expect_error("");
	assert_string_equal(options.config_path, "/a/b.conf");
	assert_string_equal(options_config_path(&options), "/a/b.conf");
	assert_int_equal(options.n_settings, 2);
	assert_string_equal(options.settings[0], "server.user=jo");
	assert_string_equal(options.settings[1], "mail.uid=");
	assert_int_equal(options.n_addresses, 2);
	assert_string_equal(options.addresses[0], "127.0.0.1:1110");
	assert_string_equal(options.addresses[1], "[::1]:1110");
	assert_true(options.test);
	assert_true(options.version);
	assert_true(options.help);
	assert_int_equal(options.table, 7);
	PARSE("-tc/x", "-oa.b=c");
	expect_error("");
	assert_true(options.test);
	assert_false(options.version);
	assert_string_equal(options.config_path, "/x");
	assert_string_equal(options.settings[0], "a.b=c");
	PARSE("-c", "/a", "-c", "/b");
	expect_error("");
	assert_string_equal(options.config_path, "/b");
}

static void
test_table(void **state)
{
	static const struct {
		const char *text;
		int fd;
	} cases[] = {{"0", 0}, {"3", 3}, {"1023", 1023}, {"1024", -1}, {"", -1},
		{"-1", -1}, {"+3", -1}, {"3x", -1}, {"4294967299", -1},
		{"18446744073709551619", -1}};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const char *const argv[] = {"pop3d", "-R", cases[i].text};

		parse(3, argv);
		assert_int_equal(options.table, cases[i].fd);
		expect_error(cases[i].fd < 0 ? "bad option -R" : "");
	}
}

static void
test_errors(void **state)
{
	(void)state;
	PARSE("-x");
	expect_error("unknown option -x");
	PARSE("-c");
	expect_error("option -c needs a value");
	PARSE("-o");
	expect_error("option -o needs a value");
	PARSE("-l");
	expect_error("option -l needs a value");
	PARSE("-R");
	expect_error("option -R needs a value");
	PARSE("word");
	expect_error("unexpected argument word");
	PARSE("-t", "--", "-t");
	expect_error("unexpected argument -t");
	assert_true(options.test);
	PARSE("word", "-x");
	expect_error("unknown option -x");
	PARSE("--help");
	assert_true(options.error[0] != '\0');
}

/* An argument longer than the text of the error can hold. */
static void
test_long_argument(void **state)
{
	char word[1000];
	const char *argv[] = {"pop3d", word};

	(void)state;
	memset(word, 'w', sizeof(word) - 1);
	word[sizeof(word) - 1] = '\0';
	parse(2, argv);
	assert_int_equal(strncmp(options.error, "unexpected argument ww", 22), 0);
	assert_true(strlen(options.error) < sizeof(options.error));
}

static void
test_too_many(void **state)
{
	const char *argv[2 + OPTIONS_MAX];

	(void)state;
	for (unsigned way = 0; way < 2; way++) {
		argv[0] = "pop3d";
		for (size_t i = 1; i < 2 + OPTIONS_MAX; i++)
			argv[i] = way == 0 ? "-oa.b=c" : "-l1.2.3.4:5";
		parse(1 + OPTIONS_MAX, argv);
		expect_error("");
		assert_int_equal(
			way == 0 ? options.n_settings : options.n_addresses, OPTIONS_MAX);
		parse(2 + OPTIONS_MAX, argv);
		expect_error("too many options");
	}
}

static unsigned n_problems;

static void
count_problem(void *cookie, const char *text)
{
	(void)cookie;
	(void)text;
	n_problems++;
}

static const struct config_report report = {count_problem, NULL};

/* Load with what PARSE() left; the rest is for one configuration to look at. */
static struct config *
load(bool expected)
{
	bool good = !expected;
	struct config *config;

	n_problems = 0;
	config = options_load_config(&options, &report, &good);
	assert_non_null(config);
	assert_int_equal(good, expected);
	assert_int_equal(good, n_problems == 0);
	return config;
}

static void
test_load(void **state)
{
	static const char text[] = "[server]\nuser = file\n[mail]\nuid = file\n";
	int fd = memfd_create("config", MFD_CLOEXEC);
	char path[64];
	struct config *config;
	const char *argv[] = {"pop3d", "-o", "mail.uid=option", "-c", path};

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(fchmod(fd, 0600), 0);
	assert_int_equal(write(fd, text, sizeof(text) - 1), sizeof(text) - 1);
	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	parse(5, argv);
	config = load(true);
	/* Options win over the file, wherever they stand, and the file over defaults. */
	assert_string_equal(config->server.user, "file");
	assert_string_equal(config->mail.uid, "option");
	assert_string_equal(config->server.log, "syslog");
	config_free(config);
	assert_int_equal(close(fd), 0);
}

static void
test_load_wrong(void **state)
{
	(void)state;
	PARSE("-c", "/nonexistent/pop3d.conf");
	config_free(load(false));
	assert_int_equal(n_problems, 1);
	/* Every problem is told, and a good setting does not hide a bad one. */
	PARSE("-c", "/dev/null", "-o", "a.b=c", "-o", "auth.timeout=0", "-o",
		"server.user=jo");
	config_free(load(false));
	assert_int_equal(n_problems, 2);
}

/* The default file may be absent. */
static void
test_load_default(void **state)
{
	(void)state;
	if (access(POP3D_CONFIG, F_OK) == 0)
		return;
	PARSE("-o", "server.user=jo");
	config_free(load(true));
}

int
test_pop3d_options(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_none),
		cmocka_unit_test(test_each),
		cmocka_unit_test(test_table),
		cmocka_unit_test(test_errors),
		cmocka_unit_test(test_long_argument),
		cmocka_unit_test(test_too_many),
		cmocka_unit_test(test_load),
		cmocka_unit_test(test_load_wrong),
		cmocka_unit_test(test_load_default),
	};

	return cmocka_run_group_tests_name("pop3d_options", tests, NULL, NULL);
}
