#include "tests/unit/auth_fixture.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <syslog.h>
#include <unistd.h>

#include "auth/chain.h"
#include "tests/unit/tests.h"

/* The last line that was logged, and the values that mod_puppet is told. */
static char logged[600];
static int logged_priority;
static const char *result, *user, *home, *mail, *reason, *turn;
static struct auth_out out;

static void
log_note(void *cookie, int priority, const char *text)
{
	assert_ptr_equal(cookie, logged);
	logged_priority = priority;
	(void)snprintf(logged, sizeof(logged), "%s", text);
}

/* The module that has a turn, "" for none; and whether turns come. */
static char turn_of[32];
static bool turn_comes;

static bool
wait_turn(void *cookie, const char *module)
{
	assert_ptr_equal(cookie, logged);
	(void)snprintf(turn_of, sizeof(turn_of), "%s", module);
	return turn_comes;
}

static void
end_turn(void *cookie)
{
	assert_ptr_equal(cookie, logged);
	turn_of[0] = '\0';
}

static const char *
config_value(void *cookie, const char *module, const char *key)
{
	assert_ptr_equal(cookie, logged);
	if (strcmp(module, "mod_puppet") != 0)
		return NULL;
	return strcmp(key, "result") == 0   ? result
	       : strcmp(key, "user") == 0   ? user
	       : strcmp(key, "home") == 0   ? home
	       : strcmp(key, "mail") == 0   ? mail
	       : strcmp(key, "turn") == 0   ? turn
	       : strcmp(key, "reason") == 0 ? reason
					    : NULL;
}

static bool sparing;

static struct auth_chain *
load(const char *modules, char *error, size_t error_size)
{
	struct auth_chain_options options = {.directory = fixture_directory,
		.sparing = sparing,
		.modules = modules,
		.cookie = logged,
		.log = log_note,
		.config = config_value};

	error[0] = '\0';
	return auth_chain_load(&options, error, error_size);
}

static enum auth_result
ask(struct auth_chain *chain, const char *name, const char *password)
{
	struct auth_request request = {.size = sizeof(request),
		.proof = AUTH_PROOF_PASSWORD,
		.user = name,
		.secret = fixture_span(password),
		.mechanism = "USER",
		.remote = "192.0.2.1",
		.local = "192.0.2.2"};

	memset(&out, 'x', sizeof(out));
	logged[0] = '\0';
	return auth_chain_verify(chain, &request, &out);
}

/* Load, open, ask once, free. */
static enum auth_result
ask_once(const char *modules, const char *name, const char *password)
{
	char error[256];
	struct auth_chain *chain = load(modules, error, sizeof(error));
	enum auth_result answer;

	assert_string_equal(error, "");
	assert_non_null(chain);
	assert_true(auth_chain_open(chain));
	answer = ask(chain, name, password);
	auth_chain_free(chain);
	return answer;
}

static int
setup(void **state)
{
	static const char *const modules[] = {"mod_ok", "mod_puppet", "mod_tempfail",
		"mod_badopen", "mod_unterminated", "mod_crash"};

	result = user = home = mail = reason = turn = NULL;
	sparing = false;
	if (fixture_setup(state) != 0)
		return 1;
	for (size_t i = 0; i < sizeof(modules) / sizeof(modules[0]); i++)
		fixture_module(modules[i]);
	return 0;
}

static void
assert_wiped(void)
{
	struct auth_identity none;

	memset(&none, 0, sizeof(none));
	none.uid = (uid_t)-1;
	none.gid = (gid_t)-1;
	none.login_delay = AUTH_UNSET;
	none.expire = AUTH_UNSET;
	assert_memory_equal(&out.identity, &none, sizeof(none));
}

static void
list_is_taken_in_order(void **state)
{
	char error[256];
	struct auth_chain *chain = load("  mod_ok\tmod_puppet ", error, sizeof(error));

	(void)state;
	assert_non_null(chain);
	assert_int_equal(
		auth_chain_proofs(chain), AUTH_PROOF_PASSWORD | AUTH_PROOF_TOKEN);
	assert_string_equal(auth_chain_root_module(chain), "mod_puppet");
	assert_string_equal(auth_chain_keys(chain, "mod_puppet")[0], "result");
	assert_string_equal(auth_chain_keys(chain, "mod_ok")[0], "mechanisms");
	assert_null(auth_chain_keys(chain, "mod_tempfail"));
	auth_chain_free(chain);
	auth_chain_free(NULL);
}

static void
bad_lists_are_refused(void **state)
{
	static const struct {
		const char *list, *why;
	} lists[] = {
		{"", "no module in the list"},
		{" \t", "no module in the list"},
		{"mod_ok mod_puppet mod_ok", "mod_ok is in the list twice"},
		{"mod_ok missing", "missing.so: cannot open"},
		{"mod_ok,mod_puppet", "module name \"mod_ok,mod_puppet\""},
		{"a123456789b123456789c123456789d123", "expected 1 to 32"},
	};
	char error[256];

	(void)state;
	for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
		assert_null(load(lists[i].list, error, sizeof(error)));
		if (strstr(error, lists[i].why) == NULL)
			fail_msg("\"%s\" does not say \"%s\"", error, lists[i].why);
	}
}

static void
module_without_open_stops_the_chain(void **state)
{
	char error[256];
	struct auth_chain *chain = load("mod_ok mod_badopen", error, sizeof(error));

	(void)state;
	assert_non_null(chain);
	assert_int_equal(ask(chain, "jo", "ok"), AUTH_TEMPFAIL);
	assert_non_null(strstr(logged, "before it was opened"));
	assert_false(auth_chain_open(chain));
	assert_string_equal(logged, "module mod_badopen: no such thing");
	assert_int_equal(logged_priority, LOG_ERR);
	auth_chain_free(chain);
}

static void
ok_is_final(void **state)
{
	(void)state;
	assert_int_equal(ask_once("mod_ok mod_tempfail", "jo", "ok"), AUTH_OK);
	assert_string_equal(out.identity.user, "jo");
	assert_true(out.identity.uid == (uid_t)-1 && out.identity.gid == (gid_t)-1);
	assert_string_equal(out.identity.home, "");
	assert_string_equal(out.identity.mail, "");
}

static void
deny_is_final(void **state)
{
	(void)state;
	result = "1";
	user = "root";
	reason = "no";
	assert_int_equal(ask_once("mod_puppet mod_ok", "jo", "ok"), AUTH_DENY);
	assert_string_equal(out.reason, "no");
	assert_wiped();
}

static void
tempfail_is_final(void **state)
{
	(void)state;
	assert_int_equal(ask_once("mod_tempfail mod_ok", "jo", "ok"), AUTH_TEMPFAIL);
	assert_wiped();
}

/* A turn is the module's own, and over with its answer. */
static void
turns_end_with_the_answer(void **state)
{
	char error[256];
	struct auth_chain_options options = {.directory = fixture_directory,
		.modules = "mod_puppet",
		.cookie = logged,
		.log = log_note,
		.config = config_value,
		.wait_turn = wait_turn,
		.end_turn = end_turn};
	struct auth_chain *chain = auth_chain_load(&options, error, sizeof(error));

	(void)state;
	assert_non_null(chain);
	assert_true(auth_chain_open(chain));
	result = "4";
	turn = "yes";
	turn_comes = true;
	(void)snprintf(turn_of, sizeof(turn_of), "none");
	assert_int_equal(ask(chain, "jo", "ok"), AUTH_OK);
	assert_string_equal(turn_of, "");
	turn_comes = false;
	assert_int_equal(ask(chain, "jo", "ok"), AUTH_TEMPFAIL);
	auth_chain_free(chain);
	/* Where nobody counts, it comes at once. */
	assert_int_equal(ask_once("mod_puppet", "jo", "ok"), AUTH_OK);
}

/* What a module says that lacks its second part counts for nothing; no other is asked. */
static void
second_parts_are_asked_for(void **state)
{
	const struct {
		const char *user;
		enum auth_result spared, whole;
	} rows[] = {{"plain", AUTH_OK, AUTH_OK}, {"jo", AUTH_TEMPFAIL, AUTH_OK},
		{"greedy", AUTH_TEMPFAIL, AUTH_TEMPFAIL}};
	char error[256];

	(void)state;
	fixture_module("mod_part");
	assert_null(load("mod_part mod_ok", error, sizeof(error)));
	assert_non_null(strstr(error, "mod_part.part: cannot open module"));
	fixture_part("mod_part", "mod_part");
	for (size_t i = 0; i < 2 * sizeof(rows) / sizeof(rows[0]); i++) {
		enum auth_result answer =
			i % 2 == 0 ? rows[i / 2].spared : rows[i / 2].whole;
		struct auth_chain *chain;

		sparing = i % 2 == 0;
		chain = load("mod_part mod_ok", error, sizeof(error));
		assert_true(chain != NULL && auth_chain_open(chain));
		assert_int_equal(ask(chain, rows[i / 2].user, "ok"), answer);
		assert_int_equal(auth_chain_wants_parts(chain), answer == AUTH_TEMPFAIL);
		auth_chain_free(chain);
	}
	/* Who is asked later has it: the first one must not be asked twice. */
	sparing = true;
	assert_int_equal(ask_once("mod_ok mod_part", "stranger", "any"), AUTH_OK);
}

static void
unknown_asks_the_next(void **state)
{
	(void)state;
	result = "2";
	user = "root";
	home = "/root";
	reason = "never heard of";
	assert_int_equal(ask_once("mod_puppet mod_ok", "jo", "ok"), AUTH_OK);
	assert_string_equal(out.reason, "");
	/* Nothing of the first module's answer is in the second one's. */
	assert_string_equal(out.identity.user, "jo");
	assert_string_equal(out.identity.home, "");
	assert_int_equal(ask_once("mod_puppet mod_ok", "stranger", "ok"), AUTH_DENY);
	assert_string_equal(out.reason, "no module knows the user");
	assert_wiped();
}

static void
other_results_are_tempfail(void **state)
{
	static const char *const results[] = {"3", "5", "-1", "255", "2147483647"};

	(void)state;
	user = "root";
	for (size_t i = 0; i < sizeof(results) / sizeof(results[0]); i++) {
		result = results[i];
		assert_int_equal(
			ask_once("mod_puppet mod_ok", "jo", "ok"), AUTH_TEMPFAIL);
		assert_non_null(strstr(logged, "module mod_puppet: broken answer"));
		assert_wiped();
	}
}

static void
identity_is_passed_on(void **state)
{
	(void)state;
	result = "4";
	user = "jo@example.org";
	home = "/home/jo";
	mail = "maildir:~/Maildir";
	assert_int_equal(ask_once("mod_puppet", "JO", "any"), AUTH_OK);
	assert_string_equal(out.identity.user, "jo@example.org");
	assert_string_equal(out.identity.home, "/home/jo");
	assert_string_equal(out.identity.mail, "maildir:~/Maildir");
	assert_string_equal(logged, "module mod_puppet: asked for \"JO\"");
}

static void
hostile_strings_are_tempfail(void **state)
{
	static const char *const fields[] = {"user", "home", "mail", "reason"};

	(void)state;
	for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
		assert_int_equal(
			ask_once("mod_unterminated", "jo", fields[i]), AUTH_TEMPFAIL);
		assert_non_null(strstr(logged, fields[i]));
		assert_non_null(memchr(out.reason, '\0', sizeof(out.reason)));
		assert_wiped();
	}
	result = "4";
	user = "jo\nuser=root";
	assert_int_equal(ask_once("mod_puppet", "jo", "ok"), AUTH_TEMPFAIL);
	user = "jo";
	home = "home/jo";
	assert_int_equal(ask_once("mod_puppet", "jo", "ok"), AUTH_TEMPFAIL);
	assert_non_null(strstr(logged, "not absolute"));
	home = "/home/\x7f";
	assert_int_equal(ask_once("mod_puppet", "jo", "ok"), AUTH_TEMPFAIL);
	home = NULL;
	mail = "mbox:/a\rb";
	assert_int_equal(ask_once("mod_puppet", "jo", "ok"), AUTH_TEMPFAIL);
	mail = NULL;
	assert_int_equal(ask_once("mod_puppet", "jo", "ok"), AUTH_OK);
}

static void
malformed_requests_reach_no_module(void **state)
{
	char name[AUTH_USER_MAX + 2];

	(void)state;
	result = "4";
	memset(name, 'a', sizeof(name));
	name[AUTH_USER_MAX + 1] = '\0';
	assert_int_equal(ask_once("mod_puppet", name, "ok"), AUTH_DENY);
	assert_string_equal(logged, "");
	name[AUTH_USER_MAX] = '\0';
	assert_int_equal(ask_once("mod_puppet", name, "ok"), AUTH_OK);
	assert_string_equal(out.identity.user, name);
	assert_int_equal(ask_once("mod_puppet", "jo", ""), AUTH_DENY);
	assert_string_equal(logged, "");
	assert_int_equal(ask_once("mod_puppet", "j\to", "ok"), AUTH_DENY);
	assert_int_equal(ask_once("mod_puppet", "", "ok"), AUTH_DENY);
}

static void
other_proofs_are_not_served(void **state)
{
	char error[256];
	struct auth_chain *chain = load("mod_ok", error, sizeof(error));
	struct auth_request request = {.size = sizeof(request),
		.proof = 1u << 9,
		.user = "jo",
		.secret = fixture_span("ok"),
		.mechanism = "USER",
		.remote = "",
		.local = ""};

	(void)state;
	assert_non_null(chain);
	assert_true(auth_chain_open(chain));
	assert_int_equal(auth_chain_verify(chain, &request, &out), AUTH_DENY);
	auth_chain_free(chain);
}

/* A module that crashes takes the process with it, and never says yes. */
static void
crash_is_no_answer(void **state)
{
	int status;
	pid_t pid;

	(void)state;
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		(void)signal(SIGSEGV, SIG_DFL);
		_exit(ask_once("mod_crash", "jo", "ok") == AUTH_OK ? 0 : 1);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status) || WEXITSTATUS(status) != 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, fixture_teardown)

int
test_chain(void)
{
	const struct CMUnitTest tests[] = {
		TEST(list_is_taken_in_order),
		TEST(bad_lists_are_refused),
		TEST(module_without_open_stops_the_chain),
		TEST(ok_is_final),
		TEST(deny_is_final),
		TEST(tempfail_is_final),
		TEST(turns_end_with_the_answer),
		TEST(second_parts_are_asked_for),
		TEST(unknown_asks_the_next),
		TEST(other_results_are_tempfail),
		TEST(identity_is_passed_on),
		TEST(hostile_strings_are_tempfail),
		TEST(malformed_requests_reach_no_module),
		TEST(other_proofs_are_not_served),
		TEST(crash_is_no_answer),
	};

	return cmocka_run_group_tests_name("chain", tests, NULL, NULL);
}
