/*
 * The module passwd with several files, databases, SCRAM keys, names and networks.
 */
#include "tests/unit/auth_fixture.h"

#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "auth/scram_keys.h"
#include "auth/usercdb.h"
#include "tests/unit/crypto_count.h"
#include "tests/unit/tests.h"

/* The vector of test_password_hash.c: cheap, and the password is "password". */
#define HASH                                                                             \
	"{ARGON2ID}$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/"               \
	"uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4"
#define KEY "dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ="
#define KEYS ",c2FsdHNhbHQ=," KEY "," KEY

extern const struct auth_module pop3d_auth_module;
extern const struct auth_part pop3d_auth_part;

static char logged[1024];
static char files[1024];
static const char *plain, *weak;
static const char *remote;
static struct auth_out out;
static void *module;

__attribute__((format(printf, 3, 4))) static void
host_log(void *cookie, int priority, const char *format, ...)
{
	size_t n = strlen(logged);
	va_list args;

	(void)cookie;
	(void)priority;
	va_start(args, format);
	(void)vsnprintf(logged + n, sizeof(logged) - n, format, args);
	va_end(args);
}

static const char *
host_config(void *cookie, const char *key)
{
	(void)cookie;
	return strcmp(key, "file") == 0           ? files
	       : strcmp(key, "plain") == 0        ? plain
	       : strcmp(key, "weak_schemes") == 0 ? weak
						  : NULL;
}

static bool
host_known(void *cookie, const struct auth_request *request, struct auth_span stored)
{
	(void)cookie;
	(void)request;
	(void)stored;
	return false;
}

static void
host_remember(void *cookie, const struct auth_request *request, struct auth_span stored)
{
	(void)cookie;
	(void)request;
	(void)stored;
}

/* Nobody queues here. */
static bool
host_wait_turn(void *cookie)
{
	(void)cookie;
	return true;
}

static struct auth_host host = {.abi = POP3D_AUTH_ABI,
	.size = sizeof(host),
	.log = host_log,
	.config = host_config,
	.wipe = explicit_bzero,
	.known = host_known,
	.remember = host_remember,
	.wait_turn = host_wait_turn};

static int
setup(void **state)
{
	plain = weak = NULL;
	remote = "";
	logged[0] = '\0';
	return fixture_setup(state);
}

static void
file_write(const char *name, const char *text)
{
	fixture_write(name, text, strlen(text), 0600);
}

/* Open the module on files of the fixture: "a b". */
static bool
start(const char *names)
{
	char word[64];
	int n = 0;

	logged[0] = '\0';
	files[0] = '\0';
	while (sscanf(names += n, " %63s%n", word, &n) == 1) {
		size_t used = strlen(files);

		(void)snprintf(
			files + used, sizeof(files) - used, "%s ", fixture_path(word));
	}
	host.part = pop3d_auth_part.functions;
	return pop3d_auth_module.open(&module, &host);
}

static enum auth_result
ask_for(const char *user, const char *password, uint32_t proof)
{
	struct auth_request request = {.size = sizeof(request),
		.proof = proof,
		.user = user,
		.secret = fixture_span(password),
		.mechanism = "USER",
		.remote = remote,
		.local = ""};

	memset(&out, 0, sizeof(out));
	crypto_count = 0;
	logged[0] = '\0';
	return pop3d_auth_module.verify(module, &request, &out);
}

static enum auth_result
ask(const char *user, const char *password)
{
	return ask_for(user, password, AUTH_PROOF_PASSWORD);
}

static void
stop(void)
{
	pop3d_auth_module.close(module);
	module = NULL;
}

static void
files_are_asked_in_order(void **state)
{
	(void)state;
	file_write("a", "jo:" HASH ":1\nann:x\n");
	file_write("b", "jo:" HASH ":2\njim:" HASH ":3\nann:" HASH ":4\n");
	assert_true(start("a b"));
	assert_int_equal(ask("jo", "password"), AUTH_OK);
	assert_int_equal(out.identity.uid, 1);
	assert_int_equal(ask("jim", "password"), AUTH_OK);
	assert_int_equal(out.identity.uid, 3);
	/* The first entry counts, though it opens nothing. */
	assert_int_equal(ask("ann", "password"), AUTH_DENY);
	assert_int_equal(ask("nobody", "password"), AUTH_UNKNOWN);
	assert_int_equal(crypto_count, 1);
	stop();
	assert_true(start("b a"));
	assert_int_equal(ask("jo", "password"), AUTH_OK);
	assert_int_equal(out.identity.uid, 2);
	stop();
}

static void
every_file_must_be_there(void **state)
{
	(void)state;
	file_write("a", "jo:" HASH "\n");
	assert_false(start("a b"));
	assert_non_null(strstr(logged, "/b: No such file"));
	assert_false(start(""));
	assert_false(start("a a a a a a a a a a a a a a a a a"));
	assert_non_null(strstr(logged, "more than 16 files"));
}

static void
flags_of_the_configuration(void **state)
{
	(void)state;
	file_write("a", "jo:{PLAIN}secret\nann:$1$saltsalt$qjXMvbEw8oaL.CzflDtaK/\n");
	assert_true(start("a"));
	assert_int_equal(ask("jo", "secret"), AUTH_DENY);
	assert_int_equal(ask("ann", "password"), AUTH_DENY);
	assert_string_equal(out.reason, "password scheme is too weak to be permitted");
	stop();
	plain = weak = "yes";
	assert_true(start("a"));
	assert_int_equal(ask("jo", "secret"), AUTH_OK);
	assert_int_equal(ask("ann", "password"), AUTH_OK);
	stop();
	plain = "on";
	assert_false(start("a"));
	assert_string_equal(logged, "plain = on: expected yes or no");
}

static void
networks_and_another_name(void **state)
{
	(void)state;
	file_write("a",
		"jo:" HASH "::::::allow_nets=10.0.0.0/8,::1 user=joseph\n"
		"ann:" HASH "::::::allow_nets=10.0.0.0/8 allow_real_nets=10.1.0.0/16\n"
		"jim:" HASH "::::::allow_nets=everywhere\n"
		"tim:" HASH "::::::user=\n"
		"loc:" HASH "::::::allow_nets=local\n");
	assert_true(start("a"));
	remote = "10.2.3.4";
	assert_int_equal(ask("jo", "password"), AUTH_OK);
	assert_string_equal(out.identity.user, "joseph");
	assert_int_equal(ask("ann", "password"), AUTH_DENY);
	assert_string_equal(out.reason, "the address is not in allow_nets");
	assert_int_equal(ask("ann", "wrong"), AUTH_DENY);
	assert_string_equal(out.reason, "wrong password");
	assert_int_equal(ask("jim", "password"), AUTH_TEMPFAIL);
	assert_non_null(strstr(logged, "allow_nets"));
	assert_int_equal(ask("tim", "password"), AUTH_TEMPFAIL);
	assert_int_equal(ask("loc", "password"), AUTH_DENY);
	remote = "11.0.0.1";
	assert_int_equal(ask("jo", "password"), AUTH_DENY);
	assert_int_equal(crypto_count, 1);
	assert_string_equal(out.identity.user, "");
	remote = "";
	assert_int_equal(ask("jo", "password"), AUTH_DENY);
	assert_int_equal(ask("loc", "password"), AUTH_OK);
	stop();
}

static void
keys_for_scram(void **state)
{
	(void)state;
	file_write("a", "jo:{SCRAM-SHA-256}4096" KEYS ":7\n"
			"ann:" HASH ":8:::::scram=5000" KEYS "\n"
			"jim:" HASH "\n"
			"weak:{SCRAM-SHA-256}4095" KEYS "\n"
			"torn:{SCRAM-SHA-256}4096\n"
			"dear:" HASH "::::::scram=5000001" KEYS "\n"
			"off:{SCRAM-SHA-256}4096" KEYS "::::::nologin\n");
	assert_true(start("a"));
	assert_int_equal(ask_for("jo", "", AUTH_PROOF_SCRAM_SHA_256), AUTH_OK);
	assert_int_equal(out.scram.iterations, 4096);
	assert_int_equal(out.scram.salt_octets, 8);
	assert_memory_equal(out.scram.salt, "saltsalt", 8);
	assert_int_equal(out.identity.uid, 7);
	assert_int_equal(ask_for("ann", "", AUTH_PROOF_SCRAM_SHA_256), AUTH_OK);
	assert_int_equal(out.scram.iterations, 5000);
	assert_int_equal(ask("ann", "password"), AUTH_OK);
	assert_int_equal(ask_for("jim", "", AUTH_PROOF_SCRAM_SHA_256), AUTH_DENY);
	assert_string_equal(out.reason, "no SCRAM keys");
	assert_int_equal(ask_for("weak", "", AUTH_PROOF_SCRAM_SHA_256), AUTH_DENY);
	assert_string_equal(out.reason, "SCRAM keys have too few iterations");
	assert_int_equal(ask_for("torn", "", AUTH_PROOF_SCRAM_SHA_256), AUTH_DENY);
	assert_int_equal(ask_for("dear", "", AUTH_PROOF_SCRAM_SHA_256), AUTH_DENY);
	assert_int_equal(ask_for("off", "", AUTH_PROOF_SCRAM_SHA_256), AUTH_DENY);
	assert_string_equal(out.reason, "nologin is set");
	assert_int_equal(ask_for("nobody", "", AUTH_PROOF_SCRAM_SHA_256), AUTH_UNKNOWN);
	assert_int_equal(crypto_count, 0);
	stop();
}

/* Who has disabled a password has disabled its keys as well. */
static void
keys_need_a_password(void **state)
{
	static const char *const disabled[] = {"", "*", "!", "!!", ("!" HASH), "x",
		"{PLAIN}secret", "{SHA512}x", "$1$saltsalt$qjXMvbEw8oaL.CzflDtaK/"};
	char text[512];

	(void)state;
	for (size_t i = 0; i < sizeof(disabled) / sizeof(disabled[0]); i++) {
		(void)snprintf(text, sizeof(text), "jo:%s::::::scram=5000%s\n",
			disabled[i], KEYS);
		file_write("a", text);
		assert_true(start("a"));
		assert_int_equal(ask_for("jo", "", AUTH_PROOF_SCRAM_SHA_256), AUTH_DENY);
		assert_string_equal(out.reason, "no password is set that can be checked");
		assert_int_equal(out.scram.iterations, 0);
		stop();
	}
	/* Some of them are passwords where the configuration says so. */
	plain = weak = "yes";
	assert_true(start("a"));
	assert_int_equal(ask_for("jo", "", AUTH_PROOF_SCRAM_SHA_256), AUTH_OK);
	stop();
	file_write("a", "jo:{PLAIN}secret::::::scram=5000" KEYS "\n");
	assert_true(start("a"));
	assert_int_equal(ask_for("jo", "", AUTH_PROOF_SCRAM_SHA_256), AUTH_OK);
	stop();
}

/*
 * Made-up salts come from the name as it was sent: were two spellings of it to get one
 * salt, its user would be there.
 */
static void
keys_need_a_prepared_name(void **state)
{
	(void)state;
	file_write("a", "jo:{SCRAM-SHA-256}4096" KEYS "\n"
			"z\xf6"
			"e:{SCRAM-SHA-256}4096" KEYS "\n");
	assert_true(start("a"));
	assert_int_equal(
		ask_for("\xef\xbd\x8ao", "", AUTH_PROOF_SCRAM_SHA_256), AUTH_UNKNOWN);
	assert_int_equal(out.scram.iterations, 0);
	assert_int_equal(ask_for("jo", "", AUTH_PROOF_SCRAM_SHA_256), AUTH_OK);
	assert_int_equal(ask_for("z\xf6"
				 "e",
				 "", AUTH_PROOF_SCRAM_SHA_256),
		AUTH_OK);
	stop();
}

/* A name is looked for as SASLprep makes it, one that is no Unicode as it came. */
static void
names_are_prepared(void **state)
{
	(void)state;
	file_write("a", "z\xc3\xb6"
			"e:" HASH ":1\nz\xf6"
			"e:" HASH ":2\njo:" HASH ":3\n");
	assert_true(start("a"));
	assert_int_equal(ask("zo\xcc\x88"
			     "e",
				 "password"),
		AUTH_OK);
	assert_int_equal(out.identity.uid, 1);
	assert_string_equal(out.identity.user, "z\xc3\xb6"
					       "e");
	assert_int_equal(ask("z\xf6"
			     "e",
				 "password"),
		AUTH_OK);
	assert_int_equal(out.identity.uid, 2);
	assert_int_equal(ask("\xef\xbd\x8ao", "password"), AUTH_OK);
	assert_string_equal(out.identity.user, "jo");
	stop();
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

static void
databases(void **state)
{
	(void)state;
	file_write("a", "jo:" HASH ":1\njo:" HASH ":2\nbad:" HASH ":x\n");
	file_write("b", "ann:" HASH ":3\n");
	compile("a");
	assert_true(start("a b"));
	assert_string_equal(logged, "");
	assert_int_equal(ask("jo", "password"), AUTH_OK);
	assert_int_equal(out.identity.uid, 1);
	assert_int_equal(ask("jo", "wrong"), AUTH_DENY);
	assert_int_equal(ask("ann", "password"), AUTH_OK);
	assert_int_equal(ask("bad", "password"), AUTH_TEMPFAIL);
	assert_non_null(strstr(logged, "/a: user bad: uid is not a number"));
	assert_int_equal(ask("nobody", "password"), AUTH_UNKNOWN);
	assert_int_equal(crypto_count, 1);
	stop();
	/* A file that was changed by hand goes before. */
	file_write("a", "jo:" HASH ":5\nnew:" HASH ":6\n");
	assert_true(start("a b"));
	assert_non_null(strstr(logged, "a.cdb: not used"));
	assert_int_equal(ask("new", "password"), AUTH_OK);
	assert_int_equal(ask("jo", "password"), AUTH_OK);
	assert_int_equal(out.identity.uid, 5);
	stop();
	/* A database that others may write is as good as none. */
	compile("a");
	assert_int_equal(chmod(fixture_path("a.cdb"), 0602), 0);
	assert_true(start("a"));
	assert_non_null(strstr(logged, "a.cdb: mode 0602"));
	assert_int_equal(ask("jo", "password"), AUTH_OK);
	stop();
	file_write("a.cdb", "garbage");
	assert_true(start("a"));
	assert_int_equal(ask("jo", "password"), AUTH_OK);
	stop();
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, fixture_teardown)

int
test_passwd_more(void)
{
	const struct CMUnitTest tests[] = {
		TEST(files_are_asked_in_order),
		TEST(every_file_must_be_there),
		TEST(flags_of_the_configuration),
		TEST(networks_and_another_name),
		TEST(keys_for_scram),
		TEST(keys_need_a_password),
		TEST(keys_need_a_prepared_name),
		TEST(names_are_prepared),
		TEST(databases),
	};

	return cmocka_run_group_tests_name("passwd_more", tests, NULL, NULL);
}
