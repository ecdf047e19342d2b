#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "pop3d/config_keys.h"
#include "tests/unit/tests.h"

static struct config *config;

static int
set_up(void **state)
{
	(void)state;
	config = config_new();
	return config != NULL ? 0 : -1;
}

static int
tear_down(void **state)
{
	(void)state;
	config_free(config);
	return 0;
}

static const struct config_key *
find(const char *section, const char *name)
{
	const struct config_key *key = config_key_find(section, name);

	if (key == NULL)
		fail_msg("there is no %s.%s", section, name);
	return key;
}

static void
expect_text(const struct config_key *key, const char *expected)
{
	char buf[32];

	assert_string_equal(config_key_text(config, key, buf, sizeof(buf)), expected);
}

/* What is refused changes nothing. */
static void
expect_refused(const struct config_key *key, const char *value)
{
	char buf[32], before[1100];

	(void)snprintf(before, sizeof(before), "%s",
		config_key_text(config, key, buf, sizeof(buf)));
	if (config_key_set(config, key, value) == NULL)
		fail_msg("%s.%s = \"%s\" was taken", key->section, key->name, value);
	expect_text(key, before);
}

static void
expect_taken(const struct config_key *key, const char *value)
{
	const char *wrong = config_key_set(config, key, value);

	if (wrong != NULL)
		fail_msg("%s.%s = \"%s\" %s", key->section, key->name, value, wrong);
	expect_text(key, value);
}

static void
test_find(void **state)
{
	(void)state;
	for (const struct config_key *key = config_keys; key->section != NULL; key++)
		assert_ptr_equal(find(key->section, key->name), key);
	assert_null(config_key_find("server", ""));
	assert_null(config_key_find("", "user"));
	assert_null(config_key_find("auth", "user"));
	assert_null(config_key_find("server", "users"));
	assert_null(config_key_find("server", "use"));
}

/* Every number of the table: its borders, and what is no number. */
static void
test_numbers(void **state)
{
	static const char *const wrong[] = {"", " 7", "7 ", "-1", "+7", "7.0", "0x7",
		"7s", "seven", "18446744073709551616", "99999999999999999999"};
	char text[32];

	(void)state;
	for (const struct config_key *key = config_keys; key->section != NULL; key++) {
		if (key->type != CONFIG_NUMBER)
			continue;
		assert_true(key->min < key->max);
		(void)snprintf(text, sizeof(text), "%" PRIu64, key->min);
		expect_taken(key, text);
		(void)snprintf(text, sizeof(text), "%" PRIu64, key->max);
		expect_taken(key, text);
		(void)snprintf(text, sizeof(text), "%" PRIu64, key->max + 1);
		expect_refused(key, text);
		if (key->min > 0) {
			(void)snprintf(text, sizeof(text), "%" PRIu64, key->min - 1);
			expect_refused(key, text);
		}
		for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
			expect_refused(key, wrong[i]);
	}
	/* Neither root nor the uid that means "none" can be a mail user's. */
	expect_refused(find("auth", "min_uid"), "0");
	expect_refused(find("auth", "min_uid"), "4294967295");
}

/* The words of a choice in the order of their values, from 0. */
static void
expect_words(const char *section, const char *name, const char *words)
{
	const struct config_key *key = find(section, name);
	char word[16];

	for (uint64_t value = 0; *words != '\0'; value++) {
		size_t n = strcspn(words, " ");
		(void)snprintf(word, sizeof(word), "%.*s", (int)n, words);
		expect_taken(key, word);
		assert_int_equal(
			*(uint64_t *)(void *)((char *)config + key->offset), value);
		words += n + strspn(words + n, " ");
	}
}

static void
test_choices(void **state)
{
	static const char *const plaintext[] = {"never", "tls", "local", "always"};
	static const char *const levels[] = {"error", "warning", "info", "debug"};

	(void)state;
	for (size_t i = 0; i < 4; i++) {
		expect_taken(find("auth", "plaintext_login"), plaintext[i]);
		assert_int_equal(config->auth.plaintext_login, PLAINTEXT_NEVER + i);
		expect_taken(find("server", "log_level"), levels[i]);
	}
	expect_words("tls", "mode", "off starttls implicit");
	expect_words("tls", "client_certificate", "none optional required");
	expect_words("tls", "client_user", "cn email map");
	expect_words("tls", "forwarded", "no yes certificate");
	expect_words("server", "proxy", "none v1 v2 any");
	expect_words("server", "environment", "none stunnel");
	expect_words("server", "xclient", "no yes");
	for (const struct config_key *key = config_keys; key->section != NULL; key++) {
		if (key->type != CONFIG_CHOICE)
			continue;
		expect_refused(key, "");
		expect_refused(key, "0");
		expect_refused(key, "Never");
		expect_refused(key, "never ");
		expect_refused(key, "errors");
		expect_refused(key, "YES");
	}
}

static void
test_paths(void **state)
{
	static const char *const names[][2] = {
		{"server", "run_directory"},
		{"server", "chroot"},
		{"auth", "module_directory"},
	};

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		const struct config_key *key = find(names[i][0], names[i][1]);

		expect_taken(key, "/");
		expect_taken(key, "/a b/c");
		expect_refused(key, "");
		expect_refused(key, "a/b");
		expect_refused(key, "./a");
		expect_refused(key, "~/a");
	}
}

static void
test_texts(void **state)
{
	static const struct {
		const char *section, *name, *value;
		bool good;
	} cases[] = {
		{"server", "user", "www-data", true},
		{"server", "user", "", false},
		{"server", "log", "syslog", true},
		{"server", "log", "stderr", true},
		{"server", "log", "file:/var/log/pop3d", true},
		{"server", "log", "file:", false},
		{"server", "log", "file:log", false},
		{"server", "log", "syslog2", false},
		{"server", "log", "/var/log/pop3d", false},
		{"server", "log", "", false},
		{"auth", "modules", "pam passwd", true},
		{"auth", "modules", "", false},
		{"auth", "mechanisms", "USER", true},
		{"auth", "mechanisms", "APOP  CRAM-MD5 ", true},
		{"auth", "mechanisms", "", true},
		{"auth", "mechanisms", "user", false},
		{"auth", "mechanisms", "USER,PLAIN", false},
		{"auth", "mechanisms", "PLAIN NTLM", false},
		{"auth", "mechanisms", "PLAINPLAINPLAINPLAINPLAINPLAINPLAIN", false},
		{"mail", "location", "maildir:~/Maildir", true},
		{"mail", "location", "mbox:/var/mail/%u", true},
		{"mail", "location", "/var/mail/%u", false},
		{"mail", "location", "imap:/var/mail/%u", false},
		{"mail", "location", "mbox:var/mail", false},
		{"mail", "location", "mbox:/var/mail/%x", false},
		{"mail", "location", "", false},
		{"mail", "uid", "vmail", true},
		{"mail", "uid", "5000", true},
		{"mail", "uid", "", true},
		{"mail", "gid", "", true},
		{"mail", "extra_group", "mail", true},
		{"mail", "mbox_locks", "fcntl", true},
		{"mail", "mbox_locks", "dotlock", true},
		{"mail", "mbox_locks", "fcntl dotlock", true},
		{"mail", "mbox_locks", "dotlock fcntl", true},
		{"mail", "mbox_locks", "fcntl  dotlock", false},
		{"mail", "mbox_locks", "fcntl fcntl", false},
		{"mail", "mbox_locks", "flock", false},
		{"mail", "mbox_locks", "", false},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct config_key *key = find(cases[i].section, cases[i].name);

		if (cases[i].good)
			expect_taken(key, cases[i].value);
		else
			expect_refused(key, cases[i].value);
	}
}

/* It goes into the greeting, where '<' would promise APOP and a CR end the line. */
static void
test_hostname(void **state)
{
	static const char *const good[] = {
		"a", "mail.example.org", "MX-1_2.example", "10.0.0.1"};
	static const char *const bad[] = {"", "-a", "a b", "<a>", "[a]", "a\r", "a\nb",
		"a@b", "caf\xc3\xa9", "a:b", "a/b", "a%s"};
	const struct config_key *key = find("server", "hostname");
	char name[300];

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		expect_taken(key, good[i]);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		expect_refused(key, bad[i]);
	memset(name, 'a', sizeof(name));
	name[256] = '\0';
	expect_refused(key, name);
	name[255] = '\0';
	expect_taken(key, name);
}

int
test_config_keys(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_find, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_numbers, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_choices, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_paths, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_texts, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_hostname, set_up, tear_down),
	};

	return cmocka_run_group_tests_name("config_keys", tests, NULL, NULL);
}
