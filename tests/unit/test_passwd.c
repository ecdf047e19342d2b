#include "tests/unit/auth_fixture.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <syslog.h>
#include <unistd.h>

#include "auth/passwd_part.h"
#include "tests/unit/crypto_count.h"
#include "tests/unit/tests.h"

/* The vector of test_password_hash.c: cheap, and the password is "password". */
#define HASH                                                                             \
	"{ARGON2ID}$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/"               \
	"uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4"
#define USERS "jo:" HASH "\nlocked:*\nclear:{PLAIN}password\nbroken:" HASH ":x\n"
#define DUMMY "$argon2id$v=19$m=65536,t=2,p=1$"

extern const struct auth_module pop3d_auth_module;
extern const struct auth_part pop3d_auth_part;

static char logged[512];
static int logged_priority;
static struct auth_out out;
static void *module;

__attribute__((format(printf, 3, 4))) static void
host_log(void *cookie, int priority, const char *format, ...)
{
	va_list args;

	(void)cookie;
	logged_priority = priority;
	va_start(args, format);
	(void)vsnprintf(logged, sizeof(logged), format, args);
	va_end(args);
}

static const char *
host_config(void *cookie, const char *key)
{
	static char path[512];

	(void)cookie;
	if (strcmp(key, "file") != 0)
		return NULL;
	/* A configuration's values stay where they are. */
	(void)snprintf(path, sizeof(path), "%s", fixture_path("users"));
	return path;
}

/* What was remembered last: the stored hash; "" for nothing. */
static char remembered[256];
/* What was remembered before the test. */
static char known[256];

static bool
host_known(void *cookie, const struct auth_request *request, struct auth_span stored)
{
	(void)cookie;
	(void)request;
	return (stored.n == strlen(remembered) &&
		       memcmp(stored.p, remembered, stored.n) == 0) ||
	       (stored.n == strlen(known) && memcmp(stored.p, known, stored.n) == 0);
}

static void
host_remember(void *cookie, const struct auth_request *request, struct auth_span stored)
{
	(void)cookie;
	(void)request;
	(void)snprintf(remembered, sizeof(remembered), "%.*s", (int)stored.n,
		(const char *)stored.p);
}

/* How often a turn was waited for since the last question, and whether it comes. */
static unsigned turns;
static bool no_turn;

static bool
host_wait_turn(void *cookie)
{
	(void)cookie;
	turns++;
	/* What the turn is for has not begun. */
	assert_int_equal(crypto_count, 0);
	return !no_turn;
}

static unsigned parts_wanted;

static void
host_want_part(void *cookie)
{
	(void)cookie;
	parts_wanted++;
}

static struct auth_host host = {.known = host_known,
	.want_part = host_want_part,
	.remember = host_remember,
	.wait_turn = host_wait_turn,
	.abi = POP3D_AUTH_ABI,
	.size = sizeof(host),
	.log = host_log,
	.config = host_config,
	.wipe = explicit_bzero};

static bool
open_users(void)
{
	logged[0] = '\0';
	host.part = pop3d_auth_part.functions;
	return pop3d_auth_module.open(&module, &host);
}

static void
start(const char *text)
{
	fixture_write("users", text, strlen(text), 0600);
	assert_true(open_users());
	assert_string_equal(logged, "");
}

static enum auth_result
ask(const char *user, const char *password)
{
	struct auth_request request = {.size = sizeof(request),
		.proof = AUTH_PROOF_PASSWORD,
		.user = user,
		.secret = fixture_span(password),
		.mechanism = "USER",
		.remote = "",
		.local = ""};

	memset(&out, 0, sizeof(out));
	crypto_count = 0;
	logged[0] = '\0';
	remembered[0] = '\0';
	return pop3d_auth_module.verify(module, &request, &out);
}

static void
stop(void)
{
	pop3d_auth_module.close(module);
	module = NULL;
}

static void
right_and_wrong_passwords(void **state)
{
	(void)state;
	start("# users\n"
	      "jo@example.org:" HASH
	      ":1000:100::/home/jo::userdb_mail=maildir:~/Maildir\r\n"
	      "jo:" HASH "\n");
	assert_int_equal(ask("jo@example.org", "password"), AUTH_OK);
	assert_int_equal(crypto_count, 1);
	assert_string_equal(out.identity.user, "jo@example.org");
	assert_int_equal(out.identity.uid, 1000);
	assert_int_equal(out.identity.gid, 100);
	assert_string_equal(out.identity.home, "/home/jo");
	assert_string_equal(out.identity.mail, "maildir:~/Maildir");
	assert_int_equal(ask("jo", "password"), AUTH_OK);
	assert_true(out.identity.uid == (uid_t)-1 && out.identity.gid == (gid_t)-1);
	assert_string_equal(out.identity.home, "");
	assert_int_equal(ask("jo", "wrong"), AUTH_DENY);
	assert_int_equal(crypto_count, 1);
	assert_string_equal(out.reason, "wrong password");
	assert_string_equal(out.identity.user, "");
	stop();
}

/* What was right is remembered, what was not is not, and the memory is asked first. */
static void
right_passwords_are_remembered(void **state)
{
	const struct auth_request request = {.size = sizeof(request),
		.proof = AUTH_PROOF_PASSWORD,
		.user = "jo",
		.secret = fixture_span("password"),
		.mechanism = "USER",
		.remote = "",
		.local = ""};

	(void)state;
	start("jo:" HASH "\n");
	assert_int_equal(ask("jo", "wrong"), AUTH_DENY);
	assert_string_equal(remembered, "");
	assert_int_equal(ask("jo", "password"), AUTH_OK);
	assert_string_equal(remembered, HASH);
	crypto_count = 0;
	assert_int_equal(pop3d_auth_module.verify(module, &request, &out), AUTH_OK);
	assert_int_equal(crypto_count, 0);
	stop();
}

/* Nothing is computed out of turn, and what need not be computed has no need of one. */
static void
hashes_wait_for_a_turn(void **state)
{
	const struct auth_request request = {.size = sizeof(request),
		.proof = AUTH_PROOF_PASSWORD,
		.user = "jo",
		.secret = fixture_span("password"),
		.mechanism = "USER",
		.remote = "",
		.local = ""};
	static const char *const users[] = {"jo", "unknown", "locked"};

	(void)state;
	start("jo:" HASH "\nlocked:*\n");
	for (size_t i = 0; i < 3; i++) {
		turns = 0;
		no_turn = false;
		assert_int_not_equal(ask(users[i], "password"), AUTH_TEMPFAIL);
		assert_int_equal(turns, 1);
		assert_int_equal(crypto_count, 1);
		no_turn = true;
		assert_int_equal(ask(users[i], "password"), AUTH_TEMPFAIL);
		assert_string_equal(out.reason, "too many passwords are being checked");
		assert_int_equal(crypto_count, 0);
		assert_string_equal(remembered, "");
	}
	(void)snprintf(remembered, sizeof(remembered), "%s", HASH);
	assert_int_equal(pop3d_auth_module.verify(module, &request, &out), AUTH_OK);
	no_turn = false;
	stop();
}

static void
unknown_user_costs_a_hash(void **state)
{
	(void)state;
	start("jo:" HASH "\njoe:" HASH "\n");
	assert_int_equal(ask("j", "password"), AUTH_UNKNOWN);
	assert_int_equal(crypto_count, 1);
	assert_memory_equal(crypto_last, DUMMY, strlen(DUMMY));
	assert_int_equal(ask("jo:" HASH, "password"), AUTH_UNKNOWN);
	assert_int_equal(crypto_count, 1);
	stop();
	start("");
	assert_int_equal(ask("jo", "password"), AUTH_UNKNOWN);
	assert_int_equal(crypto_count, 1);
	stop();
}

static void
flags_deny(void **state)
{
	static const char *const flags[] = {"nologin", "nopassword",
		"nopassword=y nologin", "allow_nets=127.0.0.0/8"};
	char text[512];

	(void)state;
	for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++) {
		(void)snprintf(text, sizeof(text), "jo:%s::::::%s\n", HASH, flags[i]);
		start(text);
		assert_int_equal(ask("jo", "password"), AUTH_DENY);
		assert_int_equal(crypto_count, 1);
		assert_string_equal(out.identity.user, "");
		assert_string_not_equal(out.reason, "wrong password");
		assert_int_equal(ask("jo", "wrong"), AUTH_DENY);
		assert_int_equal(crypto_count, 1);
		stop();
	}
	start("jo:::::::nopassword\n");
	assert_int_equal(ask("jo", "anything"), AUTH_DENY);
	assert_int_equal(crypto_count, 1);
	stop();
}

static void
hashes_that_cannot_be_checked_deny(void **state)
{
	(void)state;
	start("a:{PLAIN}password\nb:\nc\nd:$argon2id$v=19$m=9999999,t=1,p=1$c29tZXNhbHQ$"
	      "nf65\n");
	assert_int_equal(ask("a", "password"), AUTH_DENY);
	assert_string_equal(out.reason, "password scheme is too weak to be permitted");
	assert_int_equal(crypto_count, 1);
	assert_int_equal(ask("b", "password"), AUTH_DENY);
	assert_string_equal(out.reason, "no password is set");
	assert_int_equal(crypto_count, 1);
	assert_int_equal(ask("c", "password"), AUTH_DENY);
	assert_int_equal(ask("d", "password"), AUTH_DENY);
	assert_string_equal(out.reason, "password hash is too expensive");
	assert_memory_equal(crypto_last, DUMMY, strlen(DUMMY));
	crypto_no_memory = true;
	assert_int_equal(ask("a", "password"), AUTH_TEMPFAIL);
	assert_int_equal(ask("nobody", "password"), AUTH_TEMPFAIL);
	crypto_no_memory = false;
	stop();
}

static void
broken_line_stops_its_user_only(void **state)
{
	(void)state;
	start("bad:" HASH ":x\njo:" HASH "\nworse:\x01\nbad:" HASH "\n");
	assert_int_equal(ask("jo", "password"), AUTH_OK);
	assert_string_equal(logged, "");
	assert_int_equal(ask("bad", "password"), AUTH_TEMPFAIL);
	assert_non_null(strstr(logged, "users:1: uid is not a number"));
	assert_int_equal(logged_priority, LOG_ERR);
	assert_int_equal(ask("worse", "password"), AUTH_TEMPFAIL);
	assert_non_null(strstr(logged, "users:3: control byte"));
	stop();
}

static void
first_entry_counts(void **state)
{
	(void)state;
	start("jo:" HASH ":7\njo:{PLAIN}x:8\n");
	assert_int_equal(ask("jo", "password"), AUTH_OK);
	assert_int_equal(out.identity.uid, 7);
	stop();
	start("jo:{PLAIN}x:8\njo:" HASH ":7\n");
	assert_int_equal(ask("jo", "password"), AUTH_DENY);
	stop();
}

/* Like the auth process: chrooted and without root once it has opened the file. */
static void
descriptor_is_enough(void **state)
{
	(void)state;
	start("jo:" HASH "\n");
	assert_int_equal(unlink(fixture_path("users")), 0);
	assert_int_equal(ask("jo", "password"), AUTH_OK);
	assert_int_equal(ask("jo", "wrong"), AUTH_DENY);
	stop();
}

static void
unsafe_files_are_refused(void **state)
{
	(void)state;
	assert_false(open_users());
	assert_non_null(strstr(logged, "users: No such file"));
	fixture_write("users", "", 0, 0602);
	assert_false(open_users());
	assert_non_null(strstr(logged, "mode 0602"));
	if (geteuid() == 0) {
		fixture_write("users", "", 0, 0620);
		assert_int_equal(chown(fixture_path("users"), 0, 4711), 0);
		assert_int_equal(chmod(fixture_path("users"), 0620), 0);
		assert_false(open_users());
		assert_int_equal(chmod(fixture_path("users"), 0640), 0);
		assert_true(open_users());
		stop();
		assert_int_equal(chown(fixture_path("users"), 4711, 0), 0);
		assert_false(open_users());
		assert_non_null(strstr(logged, "owned by uid 4711"));
		assert_int_equal(chown(fixture_path("users"), 0, 0), 0);
	}
	assert_int_equal(chmod(fixture_path("users"), 0644), 0);
	assert_true(open_users());
	assert_int_equal(logged_priority, LOG_WARNING);
	stop();
	assert_int_equal(unlink(fixture_path("users")), 0);
	assert_int_equal(mkfifo(fixture_path("users"), 0600), 0);
	assert_false(open_users());
	assert_non_null(strstr(logged, "not a regular file"));
}

/* Without the second part what is known still opens, and nothing else is decided. */
static void
what_needs_the_part_is_left_open(void **state)
{
	static const struct passwd_part other = {.size = sizeof(other) + 8};
	static const char *const users[] = {
		"jo", "unknown", "locked", "j\xc3\xb6", "clear"};

	(void)state;
	fixture_write("users", USERS, strlen(USERS), 0600);
	host.part = NULL;
	assert_true(pop3d_auth_module.open(&module, &host));
	turns = 0;
	for (unsigned i = 0; i < sizeof(users) / sizeof(users[0]); i++) {
		parts_wanted = 0;
		assert_int_equal(ask(users[i], "password"), AUTH_TEMPFAIL);
		assert_int_equal(parts_wanted, 1);
		assert_int_equal(crypto_count, 0);
		assert_int_equal(turns, 0);
	}
	parts_wanted = 0;
	assert_int_equal(ask("broken", "password"), AUTH_TEMPFAIL);
	assert_int_equal(parts_wanted, 0);
	stop();
	host.part = &other;
	assert_false(pop3d_auth_module.open(&module, &host));
	assert_non_null(strstr(logged, "not of the same build"));
	host.part = NULL;
	assert_true(pop3d_auth_module.open(&module, &host));
	(void)snprintf(known, sizeof(known), "%s", HASH);
	assert_int_equal(ask("jo", "password"), AUTH_OK);
	assert_int_equal(parts_wanted, 0);
	known[0] = '\0';
	stop();
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int
test_passwd(void)
{
	const struct CMUnitTest tests[] = {
		TEST(right_and_wrong_passwords),
		TEST(right_passwords_are_remembered),
		TEST(hashes_wait_for_a_turn),
		TEST(unknown_user_costs_a_hash),
		TEST(flags_deny),
		TEST(hashes_that_cannot_be_checked_deny),
		TEST(broken_line_stops_its_user_only),
		TEST(first_entry_counts),
		TEST(descriptor_is_enough),
		TEST(unsafe_files_are_refused),
		TEST(what_needs_the_part_is_left_open),
	};

	return cmocka_run_group_tests_name("passwd", tests, NULL, NULL);
}
