/*
 * The module passwd with rehash = yes: new hashes in the place of old ones.
 */
#include "tests/unit/module_fixture.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

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
	assert_int_equal(ask("jo", "password"), AUTH_OK);
	assert_string_equal(module_logged,
		"module passwd: rehash: user jo: still waiting for the file");
	assert_int_equal(close(lock), 0);
	module_stop();
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, fixture_teardown)

int
test_passwd_rehash(void)
{
	const struct CMUnitTest tests[] = {
		TEST(old_hashes_are_replaced),
		TEST(hashes_stay_without_leave),
		TEST(failed_replacements),
	};

	return cmocka_run_group_tests_name("passwd_rehash", tests, NULL, NULL);
}
