/* Two hosts at the same lock, one of them slowed down where it sets the time of a file.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/unit/lock_fixture.h"
#include "tests/unit/tests.h"

#define LOCK_TEST(function)                                                              \
	cmocka_unit_test_setup_teardown(                                                 \
		function, lock_fixture_set_up, lock_fixture_tear_down)

/* What the next call is delayed by, and whose text is in the file when it returns. */
static long delay_ms;
static const struct lock_holder *intruder;

/* In place of the C library's. */
int
futimens(int fd, const struct timespec times[2])
{
	const struct timespec pause = {
		.tv_sec = delay_ms / 1000, .tv_nsec = delay_ms % 1000 * 1000000};

	delay_ms = 0;
	(void)nanosleep(&pause, NULL);
	if (intruder != NULL)
		lock_put_holder(intruder);
	intruder = NULL;
	return (int)syscall(SYS_utimensat, fd, NULL, times, 0);
}

/* A child that puts another host's text into the file after so long. */
static pid_t
start_taker(long ms)
{
	const struct timespec pause = {
		.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};
	const struct lock_holder holder = lock_holder_elsewhere();
	const pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0) {
		nanosleep(&pause, NULL);
		lock_put_holder(&holder);
		_exit(0);
	}
	return pid;
}

/* The lease runs out while the holder touches the file; the taker's text comes later. */
static void
test_slow_touch(void **state)
{
	struct session_lock lock;
	pid_t pid;

	(void)state;
	lock_options.lock_lease = 3;
	assert_int_equal(lock_take(&lock), MAIL_OK);
	lock.due -= 2;
	delay_ms = 1100;
	pid = start_taker(1300);
	assert_int_equal(session_lock_check(&lock), MAIL_BUSY);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	session_lock_release(&lock, false);
}

/*
 * A lease that ran out is taken over in time or not at all; but a server that always is
 * slow delays it only.
 */
static void
test_slow_taker(void **state)
{
	const struct lock_holder holder = lock_holder_elsewhere();
	struct session_lock lock;
	struct stat st;

	(void)state;
	lock_put_holder(&holder);
	lock_age(31);
	delay_ms = 300;
	assert_int_equal(lock_take(&lock), MAIL_BUSY);
	assert_int_equal(fstatat(lock_dirfd, LOCK_NAME, &st, 0), 0);
	assert_int_equal(st.st_size, 1);
	assert_int_equal(lock_take(&lock), MAIL_BUSY);
	lock_age(31);
	delay_ms = 300;
	assert_int_equal(lock_take(&lock), MAIL_OK);
	assert_true(lock.died);
	session_lock_release(&lock, false);
}

/* Of two that find the lock free, the first one is told who has it, and has lost nothing.
 */
static void
test_free_for_two(void **state)
{
	const struct lock_holder other = lock_holder_elsewhere();
	struct lock_holder before = other;
	struct session_lock lock;

	(void)state;
	before.state = LOCK_FREE;
	snprintf(before.host, sizeof before.host, "before");
	lock_put_holder(&before);
	intruder = &other;
	assert_int_equal(lock_take(&lock), MAIL_BUSY);
	assert_int_equal(lock_logged, 1);
	assert_non_null(strstr(lock_last_log, "elsewhere"));
	assert_string_equal(lock_get().generation, other.generation);
}

int
test_lock_race(void)
{
	const struct CMUnitTest tests[] = {
		LOCK_TEST(test_slow_touch),
		LOCK_TEST(test_slow_taker),
		LOCK_TEST(test_free_for_two),
	};

	return cmocka_run_group_tests_name("lock_race", tests, NULL, NULL);
}
