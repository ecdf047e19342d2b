#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "pop3d/penalty.h"
#include "pop3d/run_directory.h"
#include "pop3d/shared_map.h"
#include "tests/unit/auth_fixture.h"
#include "tests/unit/tests.h"

static struct penalty penalty;
static const struct penalty_rule rule = {.fade = 3000, .longest = 300};

static void
open_table(void)
{
	bool directory = false;

	assert_null(penalty_open(&penalty, fixture_path("run"), &directory));
	assert_true(directory);
}

/* Make an address fail; what it owes then. */
static uint32_t
failures(const char *network)
{
	uint64_t mark = penalty_address(&penalty.key, network);

	penalty_charge(penalty.table, PENALTY_ADDRESS, mark, &rule, 1000, rule.fade);
	return penalty_debt(penalty.table, PENALTY_ADDRESS, mark, &rule, 1000) /
	       rule.fade;
}

static void
test_table_is_shared_and_kept(void **state)
{
	struct stat st;
	pid_t pid;
	int status;

	(void)state;
	open_table();
	assert_int_equal(failures("192.0.2.1"), 1);
	penalty_close(&penalty);
	pid = fork();
	if (pid == 0) {
		bool directory;
		_exit(penalty_open(&penalty, fixture_path("run"), &directory) == NULL
				? (int)failures("192.0.2.1")
				: 0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(WEXITSTATUS(status), 2);
	open_table();
	assert_int_equal(failures("192.0.2.1"), 3);
	assert_int_equal(failures("192.0.2.2"), 1);
	penalty_close(&penalty);
	assert_int_equal(stat(fixture_path("run/penalty"), &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_int_equal(st.st_size, sizeof(struct penalty_table));
}

static void
test_key_is_wiped(void **state)
{
	const struct host_key none = {0};
	struct host_key key;

	(void)state;
	open_table();
	assert_true(penalty_key(&key, fixture_path("run")));
	assert_memory_equal(&key, &penalty.key, sizeof(key));
	penalty_close(&penalty);
	assert_memory_equal(&penalty.key, &none, sizeof(none));
	assert_null(penalty.table);
}

static void
test_marks(void **state)
{
	struct host_key key = {.octets = {1}}, other = {.octets = {2}};
	struct host_key later = {.octets = {1}, .boot = "x"};
	uint64_t guess = penalty_guess(&key, "192.0.2.1", "jo", fixture_span("secret"));

	(void)state;
	assert_int_equal(
		guess, penalty_guess(&key, "192.0.2.1", "Jo", fixture_span("secret")));
	assert_int_not_equal(
		guess, penalty_guess(&key, "192.0.2.1", "jo", fixture_span("Secret")));
	assert_int_not_equal(
		guess, penalty_guess(&key, "192.0.2.2", "jo", fixture_span("secret")));
	assert_int_not_equal(
		guess, penalty_guess(&other, "192.0.2.1", "jo", fixture_span("secret")));
	assert_int_not_equal(
		guess, penalty_guess(&later, "192.0.2.1", "jo", fixture_span("secret")));
	/* The same octets, cut into fields elsewhere. */
	assert_int_not_equal(
		guess, penalty_guess(&key, "192.0.2.1", "jos", fixture_span("ecret")));
	assert_int_not_equal(
		guess, penalty_guess(&key, "192.0.2.1j", "o", fixture_span("secret")));
	assert_int_equal(penalty_user(&key, "JO"), penalty_user(&key, "jo"));
	assert_int_not_equal(penalty_user(&key, "jo"), penalty_address(&key, "jo"));
	assert_int_not_equal(penalty_familiar(&key, "192.0.2.1", "jo"),
		penalty_familiar(&key, "192.0.2.2", "jo"));
	assert_int_equal(penalty_familiar(&key, "192.0.2.1", "jO"),
		penalty_familiar(&key, "192.0.2.1", "jo"));
}

/* A file that is cut short while it is in use ends nobody, and is whole the next time. */
static void
test_cut_short(void **state)
{
	struct sigaction before, after;

	(void)state;
	assert_int_equal(sigaction(SIGBUS, NULL, &before), 0);
	open_table();
	assert_int_equal(failures("192.0.2.1"), 1);
	assert_int_equal(truncate(fixture_path("run/penalty"), 0), 0);
	assert_int_equal(failures("192.0.2.1"), 1);
	assert_int_equal(failures("192.0.2.2"), 1);
	penalty_close(&penalty);
	assert_int_equal(sigaction(SIGBUS, NULL, &after), 0);
	assert_ptr_equal(before.sa_handler, after.sa_handler);
	open_table();
	assert_int_equal(failures("192.0.2.1"), 1);
	assert_int_equal(failures("192.0.2.1"), 2);
	penalty_close(&penalty);
}

/* Any other bus error is as fatal as ever. */
static void
test_other_bus_errors(void **state)
{
	int status;
	pid_t pid;

	(void)state;
	open_table();
	pid = fork();
	if (pid == 0) {
		(void)raise(SIGBUS);
		(void)raise(SIGBUS);
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGBUS);
	penalty_close(&penalty);
}

static void
test_unusable(void **state)
{
	bool directory;

	(void)state;
	open_table();
	penalty_close(&penalty);
	assert_int_equal(chmod(fixture_path("run/penalty"), 0644), 0);
	assert_non_null(penalty_open(&penalty, fixture_path("run"), &directory));
	assert_true(directory);
	assert_null(penalty.table);
	penalty_close(&penalty);
	assert_int_equal(unlink(fixture_path("run/penalty")), 0);
	assert_int_equal(truncate(fixture_path("run/penalty.key"), 8), 0);
	assert_non_null(penalty_open(&penalty, fixture_path("run"), &directory));
	penalty_close(&penalty);
	assert_int_equal(chmod(fixture_path("run"), 0777), 0);
	assert_non_null(penalty_open(&penalty, fixture_path("run"), &directory));
	assert_false(directory);
	penalty_close(&penalty);
}

static void
test_rules(void **state)
{
	const struct config_auth auth = {
		.penalty_max = 30, .penalty_user_max = 5, .penalty_fade = 300};

	(void)state;
	assert_int_equal(penalty_address_rule(&auth).longest, 300);
	assert_int_equal(penalty_user_rule(&auth).longest, 50);
	assert_int_equal(penalty_address_rule(&auth).fade, 3000);
	assert_int_equal(penalty_user_rule(&auth).fade, 3000);
}

int
test_penalty(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			test_table_is_shared_and_kept, fixture_setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(
			test_key_is_wiped, fixture_setup, fixture_teardown),
		cmocka_unit_test(test_marks),
		cmocka_unit_test_setup_teardown(
			test_cut_short, fixture_setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(
			test_other_bus_errors, fixture_setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(
			test_unusable, fixture_setup, fixture_teardown),
		cmocka_unit_test(test_rules),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
