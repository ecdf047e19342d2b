#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/unit/lock_fixture.h"
#include "tests/unit/tests.h"

static double
seconds_since(const struct timespec *start)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)(now.tv_sec - start->tv_sec) +
	       (double)(now.tv_nsec - start->tv_nsec) / 1e9;
}

static void
test_exclusion(void **state)
{
	struct session_lock lock, second;

	(void)state;
	assert_int_equal(lock_take(&lock), MAIL_OK);
	assert_int_equal(lock_take(&second), MAIL_BUSY);
	/* Closing another descriptor of the file must not lose it, as POSIX locks do. */
	close(openat(lock_dirfd, LOCK_NAME, O_RDONLY | O_CLOEXEC));
	assert_int_equal(lock_take(&second), MAIL_BUSY);
	session_lock_release(&lock, false);
	assert_int_equal(lock_take(&second), MAIL_OK);
	session_lock_release(&second, false);
	assert_int_equal(faccessat(lock_dirfd, LOCK_NAME, F_OK, 0), 0);
	assert_int_equal(lock_logged, 0);
}

static void
test_file(void **state)
{
	struct lock_holder first, second;
	struct session_lock lock;
	struct stat st;
	char pid[32];

	(void)state;
	assert_int_equal(lock_take(&lock), MAIL_OK);
	assert_int_equal(fcntl(lock.fd, F_GETFD), FD_CLOEXEC);
	assert_int_equal(fcntl(lock.dirfd, F_GETFD), FD_CLOEXEC);
	assert_int_equal(fstat(lock.fd, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	assert_int_equal(st.st_size, LOCK_TEXT);
	snprintf(pid, sizeof(pid), "%ld", (long)getpid());
	first = lock_get();
	assert_int_equal(first.state, LOCK_HELD);
	assert_string_equal(first.pid, pid);
	assert_int_equal(first.lease, 30);
	session_lock_release(&lock, false);
	second = lock_get();
	assert_int_equal(second.state, LOCK_FREE);
	assert_string_equal(second.generation, first.generation);
	assert_int_equal(lock_take(&lock), MAIL_OK);
	assert_false(lock.died);
	second = lock_get();
	assert_string_not_equal(second.generation, first.generation);
	session_lock_release(&lock, true);
	assert_int_equal(lock_get().state, LOCK_LEFT);
	assert_int_equal(lock_take(&lock), MAIL_OK);
	assert_true(lock.died);
	session_lock_release(&lock, false);
	assert_int_equal(lock_logged, 0);
}

/* The text of a holder with a longer one is gone for good. */
static void
test_old_text(void **state)
{
	struct session_lock lock;
	char text[1024];
	struct stat st;

	(void)state;
	memset(text, 'x', sizeof(text));
	lock_put(text, sizeof(text));
	lock_age(31);
	assert_int_equal(lock_take(&lock), MAIL_OK);
	assert_int_equal(fstat(lock.fd, &st), 0);
	assert_int_equal(st.st_size, LOCK_TEXT);
	assert_int_equal(lock_get().state, LOCK_HELD);
	session_lock_release(&lock, false);
}

/* A child that takes the lock, tells by a pipe, and sleeps for ms (or until killed). */
static pid_t
start_holder(long ms)
{
	const struct timespec time = {
		.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};
	struct session_lock lock;
	int ready[2];
	pid_t pid;
	char c = 'r';

	assert_int_equal(pipe2(ready, O_CLOEXEC), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		if (lock_take(&lock) != MAIL_OK || write(ready[1], &c, 1) != 1)
			_exit(1);
		nanosleep(&time, NULL);
		_exit(0);
	}
	close(ready[1]);
	assert_int_equal(read(ready[0], &c, 1), 1);
	close(ready[0]);
	return pid;
}

static void
test_killed_holder(void **state)
{
	const pid_t pid = start_holder(60000);
	struct session_lock lock;

	(void)state;
	assert_int_equal(lock_take(&lock), MAIL_BUSY);
	kill(pid, SIGKILL);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	assert_int_equal(lock_take(&lock), MAIL_OK);
	session_lock_release(&lock, false);
}

static void
test_waiting(void **state)
{
	struct timespec start;
	pid_t pid = start_holder(200);
	struct session_lock lock, second;

	(void)state;
	lock_options.lock_wait = 5;
	clock_gettime(CLOCK_MONOTONIC, &start);
	assert_int_equal(lock_take(&lock), MAIL_OK);
	assert_true(seconds_since(&start) < 4);
	assert_int_equal(waitpid(pid, NULL, 0), pid);

	lock_options.lock_wait = 1;
	clock_gettime(CLOCK_MONOTONIC, &start);
	assert_int_equal(lock_take(&second), MAIL_BUSY);
	assert_true(seconds_since(&start) >= 1 && seconds_since(&start) < 3);
	session_lock_release(&lock, false);
}

static void
test_no_lock_file(void **state)
{
	struct session_lock lock;
	struct stat st;

	(void)state;
	assert_int_equal(symlinkat("other", lock_dirfd, LOCK_NAME), 0);
	assert_int_equal(lock_take(&lock), MAIL_PERM);
	assert_int_not_equal(fstatat(lock_dirfd, "other", &st, 0), 0);
	assert_int_equal(unlinkat(lock_dirfd, LOCK_NAME, 0), 0);

	assert_int_equal(mkfifoat(lock_dirfd, LOCK_NAME, 0600), 0);
	assert_int_equal(lock_take(&lock), MAIL_PERM);
	assert_int_equal(unlinkat(lock_dirfd, LOCK_NAME, 0), 0);

	assert_int_equal(mkdirat(lock_dirfd, LOCK_NAME, 0700), 0);
	assert_int_equal(lock_take(&lock), MAIL_PERM);
	assert_int_equal(lock_logged, 3);
}

/* A hard link to a file of value: it keeps its content. */
static void
test_second_name(void **state)
{
	const int fd = openat(lock_dirfd, "other", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	struct session_lock lock;
	struct stat st;

	(void)state;
	assert_int_equal(write(fd, "precious", 8), 8);
	close(fd);
	assert_int_equal(linkat(lock_dirfd, "other", lock_dirfd, LOCK_NAME, 0), 0);
	assert_int_equal(lock_take(&lock), MAIL_PERM);
	assert_int_equal(fstatat(lock_dirfd, "other", &st, 0), 0);
	assert_int_equal(st.st_size, 8);
}

/* Without a file: for a disk that is full. */
static void
test_directory(void **state)
{
	struct timespec start;
	struct session_lock lock, second;

	(void)state;
	assert_int_equal(
		session_lock_take_directory(&lock, lock_dirfd, &lock_options), MAIL_OK);
	assert_int_equal(fcntl(lock.fd, F_GETFD), FD_CLOEXEC);
	lock_options.lock_wait = 1;
	clock_gettime(CLOCK_MONOTONIC, &start);
	assert_int_equal(session_lock_take_directory(&second, lock_dirfd, &lock_options),
		MAIL_BUSY);
	assert_true(seconds_since(&start) >= 1 && seconds_since(&start) < 3);
	session_lock_release(&lock, false);
	assert_int_equal(
		session_lock_take_directory(&lock, lock_dirfd, &lock_options), MAIL_OK);
	session_lock_release(&lock, false);
	assert_int_equal(
		session_lock_take_directory(&lock, -1, &lock_options), MAIL_TEMP);
}

/* Its owner could lock others out for ever. */
static void
test_other_owner(void **state)
{
	struct session_lock lock;

	(void)state;
	lock_put("", 0);
	if (geteuid() != 0)
		fail_msg("this test needs root");
	assert_int_equal(fchownat(lock_dirfd, LOCK_NAME, 65534, 65534, 0), 0);
	assert_int_equal(lock_take(&lock), MAIL_PERM);
	assert_int_equal(lock_logged, 1);
}

/* Who waits for a file that is removed meanwhile locks the one that is there then. */
static void
test_removed_while_waiting(void **state)
{
	pid_t holder = start_holder(300);
	struct session_lock lock;
	struct stat locked, named;

	(void)state;
	assert_int_equal(unlinkat(lock_dirfd, LOCK_NAME, 0), 0);
	lock_options.lock_wait = 3;
	assert_int_equal(lock_take(&lock), MAIL_OK);
	assert_int_equal(fstat(lock.fd, &locked), 0);
	assert_int_equal(fstatat(lock_dirfd, LOCK_NAME, &named, 0), 0);
	assert_int_equal(locked.st_ino, named.st_ino);
	session_lock_release(&lock, false);
	assert_int_equal(waitpid(holder, NULL, 0), holder);

	holder = start_holder(60000);
	const pid_t waiter = fork();
	if (waiter == 0)
		_exit(lock_take(&lock) == MAIL_OK && fstat(lock.fd, &locked) == 0 &&
					fstatat(lock_dirfd, LOCK_NAME, &named, 0) == 0 &&
					locked.st_ino == named.st_ino
				? 0
				: 1);
	nanosleep(&(struct timespec){.tv_nsec = 200000000}, NULL);
	assert_int_equal(unlinkat(lock_dirfd, LOCK_NAME, 0), 0);
	kill(holder, SIGKILL);
	assert_int_equal(waitpid(holder, NULL, 0), holder);
	int status;
	assert_int_equal(waitpid(waiter, &status, 0), waiter);
	assert_int_equal(status, 0);
}

int
test_session_lock(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			test_exclusion, lock_fixture_set_up, lock_fixture_tear_down),
		cmocka_unit_test_setup_teardown(
			test_file, lock_fixture_set_up, lock_fixture_tear_down),
		cmocka_unit_test_setup_teardown(
			test_old_text, lock_fixture_set_up, lock_fixture_tear_down),
		cmocka_unit_test_setup_teardown(
			test_killed_holder, lock_fixture_set_up, lock_fixture_tear_down),
		cmocka_unit_test_setup_teardown(
			test_waiting, lock_fixture_set_up, lock_fixture_tear_down),
		cmocka_unit_test_setup_teardown(
			test_no_lock_file, lock_fixture_set_up, lock_fixture_tear_down),
		cmocka_unit_test_setup_teardown(
			test_second_name, lock_fixture_set_up, lock_fixture_tear_down),
		cmocka_unit_test_setup_teardown(
			test_directory, lock_fixture_set_up, lock_fixture_tear_down),
		cmocka_unit_test_setup_teardown(
			test_other_owner, lock_fixture_set_up, lock_fixture_tear_down),
		cmocka_unit_test_setup_teardown(test_removed_while_waiting,
			lock_fixture_set_up, lock_fixture_tear_down),
	};

	return cmocka_run_group_tests_name("session_lock", tests, NULL, NULL);
}
