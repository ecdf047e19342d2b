#include "tests/unit/tls_fixture.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "pop3d/tls/tickets.h"
#include "tests/unit/tests.h"

#define FILE_NAME "run/ticket-keys"

static struct ticket_keys first, second;

static const char *
load(struct ticket_keys *keys)
{
	memset(keys, 0, sizeof(*keys));
	return ticket_keys_load(&tls_fixture_setup, keys);
}

/* As if the file had been written so long ago. */
static void
make_older(long seconds)
{
	struct timespec times[2];

	times[0].tv_nsec = times[1].tv_nsec = 0;
	times[0].tv_sec = times[1].tv_sec = time(NULL) - seconds;
	assert_int_equal(utimensat(AT_FDCWD, fixture_path(FILE_NAME), times, 0), 0);
}

static void
expect_key(const struct ticket_keys *keys, size_t i, const struct ticket_keys *other,
	size_t k)
{
	assert_true(i < keys->n && k < other->n);
	assert_memory_equal(keys->keys[i], other->keys[k], TICKET_KEY_OCTETS);
}

static void
every_process_gets_the_same(void **state)
{
	struct stat st;

	(void)state;
	assert_null(load(&first));
	assert_int_equal(first.n, 1);
	assert_int_equal(stat(fixture_path("run"), &st), 0);
	assert_int_equal(st.st_mode & 07777, 0700);
	assert_int_equal(stat(fixture_path(FILE_NAME), &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_int_equal(st.st_size, TICKET_KEY_OCTETS);
	assert_null(load(&second));
	assert_int_equal(second.n, 1);
	expect_key(&second, 0, &first, 0);
	assert_false(ticket_keys_are_stale(&tls_fixture_setup, &first));
}

static void
a_key_gives_way_after_its_lifetime(void **state)
{
	(void)state;
	assert_null(load(&first));
	make_older(3590);
	assert_null(load(&second));
	assert_int_equal(second.n, 1);
	assert_false(ticket_keys_are_stale(&tls_fixture_setup, &second));
	make_older(3600);
	assert_true(ticket_keys_are_stale(&tls_fixture_setup, &second));
	assert_null(load(&second));
	assert_int_equal(second.n, 2);
	assert_memory_not_equal(second.keys[0], first.keys[0], TICKET_KEY_OCTETS);
	expect_key(&second, 1, &first, 0);
	assert_false(ticket_keys_are_stale(&tls_fixture_setup, &second));
	/* The third takes the place of the first. */
	first = second;
	make_older(3700);
	assert_null(load(&second));
	assert_int_equal(second.n, 2);
	expect_key(&second, 1, &first, 0);
	assert_memory_not_equal(second.keys[0], first.keys[1], TICKET_KEY_OCTETS);
}

/* By then the tickets of the old one have ended, too. */
static void
a_key_that_is_much_older_is_dropped(void **state)
{
	(void)state;
	assert_null(load(&first));
	make_older(7300);
	assert_null(load(&second));
	assert_int_equal(second.n, 1);
	assert_memory_not_equal(second.keys[0], first.keys[0], TICKET_KEY_OCTETS);
}

static void
a_key_from_the_future_gives_way(void **state)
{
	(void)state;
	assert_null(load(&first));
	make_older(-2);
	assert_null(load(&second));
	expect_key(&second, 0, &first, 0);
	make_older(-86400);
	assert_null(load(&second));
	assert_memory_not_equal(second.keys[0], first.keys[0], TICKET_KEY_OCTETS);
	assert_false(ticket_keys_are_stale(&tls_fixture_setup, &second));
}

/* What others may have read, or written, is no secret. */
static void
unsafe_files_are_replaced(void **state)
{
	unsigned char octets[TICKET_KEY_OCTETS * 2 + 1];
	struct stat st;

	(void)state;
	memset(octets, 7, sizeof(octets));
	assert_null(load(&first));
	for (int i = 0; i < 5; i++) {
		switch (i) {
		case 0:
			fixture_write(FILE_NAME, octets, TICKET_KEY_OCTETS, 0640);
			break;
		case 1:
			fixture_write(FILE_NAME, octets, TICKET_KEY_OCTETS - 1, 0600);
			break;
		case 2:
			fixture_write(FILE_NAME, octets, sizeof(octets), 0600);
			break;
		case 3:
			fixture_write(FILE_NAME, octets, 0, 0600);
			break;
		default:
			fixture_write("elsewhere", octets, TICKET_KEY_OCTETS, 0600);
			assert_int_equal(unlink(fixture_path(FILE_NAME)), 0);
			assert_int_equal(
				symlink("../elsewhere", fixture_path(FILE_NAME)), 0);
		}
		assert_null(load(&second));
		assert_int_equal(second.n, 1);
		assert_memory_not_equal(second.keys[0], octets, TICKET_KEY_OCTETS);
		assert_int_equal(lstat(fixture_path(FILE_NAME), &st), 0);
		assert_true(S_ISREG(st.st_mode));
		assert_int_equal(st.st_mode & 07777, 0600);
		assert_null(load(&first));
		expect_key(&first, 0, &second, 0);
	}
}

static void
a_file_of_somebody_else_is_replaced(void **state)
{
	unsigned char octets[TICKET_KEY_OCTETS];

	(void)state;
	memset(octets, 7, sizeof(octets));
	assert_null(load(&first));
	fixture_write(FILE_NAME, octets, sizeof(octets), 0600);
	/* Without root there is nobody else to be. */
	if (geteuid() == 0)
		assert_int_equal(chown(fixture_path(FILE_NAME), 12345, 12345), 0);
	else
		assert_int_equal(chmod(fixture_path(FILE_NAME), 0606), 0);
	assert_null(load(&second));
	assert_memory_not_equal(second.keys[0], octets, TICKET_KEY_OCTETS);
}

/* Then this process has keys of its own, and tries again when these are old. */
static void
without_a_run_directory_keys_are_random(void **state)
{
	(void)state;
	tls_fixture_setup.run_directory = "/nonexistent/run";
	assert_non_null(load(&first));
	assert_int_equal(first.n, 1);
	assert_non_null(load(&second));
	assert_int_equal(second.n, 1);
	assert_memory_not_equal(first.keys[0], second.keys[0], TICKET_KEY_OCTETS);
	assert_false(ticket_keys_are_stale(&tls_fixture_setup, &first));
	first.made -= 3600;
	assert_true(ticket_keys_are_stale(&tls_fixture_setup, &first));
}

static void
a_run_directory_of_others_is_not_used(void **state)
{
	(void)state;
	assert_null(load(&first));
	assert_int_equal(chmod(fixture_path("run"), 0770), 0);
	assert_non_null(load(&second));
	assert_int_equal(second.n, 1);
	assert_memory_not_equal(first.keys[0], second.keys[0], TICKET_KEY_OCTETS);
	/* The file is there, but nothing about it has changed. */
	assert_false(ticket_keys_are_stale(&tls_fixture_setup, &second));
	assert_int_equal(chmod(fixture_path("run"), 0700), 0);
	assert_int_equal(rename(fixture_path("run"), fixture_path("real")), 0);
	assert_int_equal(symlink("real", fixture_path("run")), 0);
	assert_non_null(load(&second));
	assert_memory_not_equal(first.keys[0], second.keys[0], TICKET_KEY_OCTETS);
}

#define CHILDREN 8

/* Many find the key old at once: it is replaced once, and kept as the old one. */
static void
processes_do_not_lose_keys(void **state)
{
	pid_t pids[CHILDREN];
	struct ticket_keys seen[CHILDREN];
	int pair[2], go[2];

	(void)state;
	assert_null(load(&first));
	make_older(4000);
	assert_int_equal(pipe(pair), 0);
	assert_int_equal(pipe(go), 0);
	for (size_t i = 0; i < CHILDREN; i++) {
		pids[i] = fork();
		assert_true(pids[i] >= 0);
		if (pids[i] == 0) {
			char octet;
			(void)close(go[1]);
			/* The end of the pipe is the sign for all. */
			if (read(go[0], &octet, 1) != 0 || load(&second) != NULL)
				_exit(1);
			_exit(write(pair[1], &second, sizeof(second)) !=
				(ssize_t)sizeof(second));
		}
	}
	assert_int_equal(close(go[1]), 0);
	for (size_t i = 0; i < CHILDREN; i++) {
		int status;
		assert_int_equal(waitpid(pids[i], &status, 0), pids[i]);
		assert_int_equal(status, 0);
		assert_int_equal(
			read(pair[0], &seen[i], sizeof(seen[i])), sizeof(seen[i]));
		assert_int_equal(seen[i].n, 2);
		expect_key(&seen[i], 0, &seen[0], 0);
		expect_key(&seen[i], 1, &first, 0);
	}
	assert_int_equal(close(pair[0]), 0);
	assert_int_equal(close(pair[1]), 0);
	assert_int_equal(close(go[0]), 0);
}

static void
what_a_crash_left_is_no_hindrance(void **state)
{
	(void)state;
	assert_null(load(&first));
	fixture_write("run/ticket-keys.new", "half", 4, 0600);
	make_older(4000);
	assert_null(load(&second));
	assert_int_equal(second.n, 2);
	assert_int_equal(access(fixture_path("run/ticket-keys.new"), F_OK), -1);
}

static void
the_administrators_file_is_only_read(void **state)
{
	unsigned char octets[TICKET_KEY_OCTETS * 5];
	struct stat before, after;

	(void)state;
	for (size_t i = 0; i < sizeof(octets); i++)
		octets[i] = (unsigned char)(i / TICKET_KEY_OCTETS);
	tls_fixture_setup.ticket_keys = tls_fixture_path("keys");
	for (size_t n = 1; n <= TICKET_KEYS_MAX; n++) {
		fixture_write("keys", octets, n * TICKET_KEY_OCTETS, 0600);
		assert_int_equal(stat(fixture_path("keys"), &before), 0);
		assert_null(load(&first));
		assert_int_equal(first.n, n);
		assert_memory_equal(first.keys, octets, n * TICKET_KEY_OCTETS);
		assert_int_equal(stat(fixture_path("keys"), &after), 0);
		assert_int_equal(before.st_ino, after.st_ino);
		assert_int_equal(before.st_mtim.tv_nsec, after.st_mtim.tv_nsec);
		assert_false(ticket_keys_are_stale(&tls_fixture_setup, &first));
	}
	assert_int_equal(access(fixture_path("run"), F_OK), -1);
	fixture_write("keys", octets, TICKET_KEY_OCTETS, 0600);
	assert_true(ticket_keys_are_stale(&tls_fixture_setup, &first));
}

/* There are no tickets then, and nothing is tried until the file has changed. */
static void
an_unusable_file_of_the_administrator_is_refused(void **state)
{
	unsigned char octets[TICKET_KEY_OCTETS * 5] = {0};

	(void)state;
	tls_fixture_setup.ticket_keys = tls_fixture_path("keys");
	assert_non_null(load(&first));
	assert_int_equal(first.n, 0);
	assert_false(ticket_keys_are_stale(&tls_fixture_setup, &first));
	fixture_write("keys", octets, TICKET_KEY_OCTETS, 0644);
	assert_true(ticket_keys_are_stale(&tls_fixture_setup, &first));
	assert_non_null(load(&first));
	assert_int_equal(first.n, 0);
	assert_false(ticket_keys_are_stale(&tls_fixture_setup, &first));
	fixture_write("keys", octets, TICKET_KEY_OCTETS, 0640);
	assert_non_null(load(&first));
	fixture_write("keys", octets, 0, 0600);
	assert_non_null(load(&first));
	fixture_write("keys", octets, 81, 0600);
	assert_non_null(load(&first));
	fixture_write("keys", octets, sizeof(octets), 0600);
	assert_non_null(load(&first));
	assert_int_equal(first.n, 0);
	assert_int_equal(unlink(fixture_path("keys")), 0);
	assert_int_equal(mkfifo(fixture_path("keys"), 0600), 0);
	assert_non_null(load(&first));
	assert_int_equal(first.n, 0);
}

#define TEST(name)                                                                       \
	cmocka_unit_test_setup_teardown(name, tls_fixture_set_up, tls_fixture_tear_down)

int
test_tls_tickets(void)
{
	const struct CMUnitTest tests[] = {
		TEST(every_process_gets_the_same),
		TEST(a_key_gives_way_after_its_lifetime),
		TEST(a_key_that_is_much_older_is_dropped),
		TEST(a_key_from_the_future_gives_way),
		TEST(unsafe_files_are_replaced),
		TEST(a_file_of_somebody_else_is_replaced),
		TEST(without_a_run_directory_keys_are_random),
		TEST(a_run_directory_of_others_is_not_used),
		TEST(processes_do_not_lose_keys),
		TEST(what_a_crash_left_is_no_hindrance),
		TEST(the_administrators_file_is_only_read),
		TEST(an_unusable_file_of_the_administrator_is_refused),
	};

	return cmocka_run_group_tests_name("tls_tickets", tests, NULL, NULL);
}
