/*
 * The module passwd with rehash = yes: new hashes in the place of old ones.
 */
#include "tests/unit/module_fixture.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

#include "auth/password_hash.h"
#include "auth/rehash.h"
#include "auth/usercdb.h"
#include "tests/unit/tests.h"

/* The vector of test_password_hash.c: cheap, and the password is "password". */
#define HASH                                                                             \
	"{ARGON2ID}$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/"               \
	"uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4"
#define KEY "dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ="
#define KEYS ",c2FsdHNhbHQ=," KEY "," KEY

static int
setup(void **state)
{
	module_clear();
	return fixture_setup(state);
}

static void
file_write(const char *name, const char *text)
{
	fixture_write(name, text, strlen(text), 0600);
}

/* Open the module on one file or two. */
static void
start(const char *a, const char *b)
{
	char files[1100];

	(void)snprintf(files, sizeof(files), "%s %s", fixture_path(a),
		b != NULL ? fixture_path(b) : "");
	module_set("file", files);
	assert_true(module_start("passwd"));
	module_lines = 0;
}

static enum auth_result
ask(const char *user, const char *password)
{
	module_lines = 0;
	return module_ask((struct auth_request){.proof = AUTH_PROOF_PASSWORD,
		.user = user,
		.secret = fixture_span(password)});
}

static void
compile(const char *name)
{
	char why[200];
	int directory = open(fixture_directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int fd = open(fixture_path(name), O_RDONLY | O_CLOEXEC);

	assert_true(usercdb_compile(directory, name, fd, why, sizeof(why)));
	assert_int_equal(close(fd), 0);
	assert_int_equal(close(directory), 0);
}

static char *
text_of(const char *name)
{
	size_t n;

	return fixture_read(name, &n);
}

static void
old_hashes_are_replaced(void **state)
{
	char *text;

	(void)state;
	file_write("a", "# users\nann:x\n");
	file_write("b", "jim:" HASH "\njo:" HASH ":7:8::/home/jo::user=joseph\njo:x\n");
	compile("b");
	module_set("rehash", "yes");
	start("a", "b");
	assert_int_equal(ask("jo", "wrong"), AUTH_DENY);
	assert_int_equal(ask("jo", "password"), AUTH_OK);
	assert_string_equal(
		module_logged, "module passwd: rehash: user jo has a new hash");
	assert_int_equal(ask("jo", "password"), AUTH_OK);
	module_stop();
	text = text_of("b");
	assert_memory_equal(text, "jim:" HASH "\njo:{ARGON2ID}$argon2id$v=19$m=65536,",
		strlen("jim:" HASH "\njo:{ARGON2ID}$argon2id$v=19$m=65536,"));
	assert_non_null(strstr(text, ":7:8::/home/jo::user=joseph\njo:x\n"));
	free(text);
	/* Again: the new hash is right, found in the new database, and stays. */
	start("a", "b");
	assert_int_equal(module_lines, 0);
	assert_int_equal(ask("jo", "password"), AUTH_OK);
	assert_int_equal(module_lines, 0);
	assert_int_equal(ask("jo", "wrong"), AUTH_DENY);
	module_stop();
}

static void
hashes_stay_without_leave(void **state)
{
	char *text;

	(void)state;
	file_write("a", "jo:" HASH "\noff:" HASH "::::::nologin\n"
			"keys:{SCRAM-SHA-256}4096" KEYS "\n");
	start("a", NULL);
	assert_int_equal(ask("jo", "password"), AUTH_OK);
	assert_int_equal(module_lines, 0);
	module_stop();
	module_set("rehash", "yes");
	start("a", NULL);
	assert_int_equal(ask("off", "password"), AUTH_DENY);
	module_stop();
	text = text_of("a");
	assert_memory_equal(text, "jo:" HASH "\noff:" HASH ":", strlen("jo:" HASH "\n"));
	assert_null(strstr(text, "m=65536"));
	free(text);
}

/* What cannot be replaced does not keep a user out, and what has changed stays. */
static void
failed_replacements(void **state)
{
	time_t began;
	char *text;
	int lock;

	(void)state;
	file_write("a", "jo:" HASH "\n");
	module_set("rehash", "yes");
	start("a", NULL);
	file_write("new", "jo:" HASH "x\n");
	assert_int_equal(rename(fixture_path("new"), fixture_path("a")), 0);
	assert_int_equal(ask("jo", "password"), AUTH_OK);
	assert_string_equal(
		module_logged, "module passwd: rehash: user jo: the entry has changed");
	module_stop();
	text = text_of("a");
	assert_string_equal(text, "jo:" HASH "x\n");
	free(text);
	file_write("a", "jo:" HASH "\n");
	lock = open(fixture_path("a.lock"), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	assert_int_equal(flock(lock, LOCK_EX), 0);
	start("a", NULL);
	began = time(NULL);
	assert_int_equal(ask("jo", "password"), AUTH_OK);
	assert_true(time(NULL) - began <= 3);
	assert_string_equal(module_logged,
		"module passwd: rehash: user jo: still waiting for the file");
	assert_int_equal(close(lock), 0);
	module_stop();
}

/* Whoever speaks to the process with root's rights cannot have any other hash replaced.
 */
static void
hashes_of_today_stay(void **state)
{
	char today[PASSWORD_HASH_SIZE], other[PASSWORD_HASH_SIZE], line[512];
	const char *path = fixture_path("a");
	const char *const stored[] = {today, "*", "!" HASH, "{SCRAM-SHA-256}4096" KEYS};
	struct rehash rehash;
	const char *fault;
	char *text;

	(void)state;
	assert_true(password_hash_make(today, fixture_span("password")));
	assert_true(password_hash_make(other, fixture_span("mine")));
	for (size_t i = 0; i < sizeof(stored) / sizeof(stored[0]); i++) {
		(void)snprintf(line, sizeof(line), "jo:%s\n", stored[i]);
		file_write("a", line);
		assert_true(rehash_start(&rehash, &path, 1));
		fault = rehash_replace(&rehash, 0, "jo", fixture_span(stored[i]), other);
		rehash_stop(&rehash);
		text = text_of("a");
		assert_string_equal(text, line);
		free(text);
		assert_string_equal(fault, "the old hash is none");
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, fixture_teardown)

int
test_passwd_rehash(void)
{
	const struct CMUnitTest tests[] = {
		TEST(old_hashes_are_replaced),
		TEST(hashes_stay_without_leave),
		TEST(failed_replacements),
		TEST(hashes_of_today_stay),
	};

	return cmocka_run_group_tests_name("passwd_rehash", tests, NULL, NULL);
}
