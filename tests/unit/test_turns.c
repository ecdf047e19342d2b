#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "pop3d/clock.h"
#include "pop3d/turns.h"
#include "tests/unit/auth_fixture.h"
#include "tests/unit/tests.h"

#define CHILDREN 12
#define ENOUGH 20 /* seconds; no test takes as long */

static int pipe_fds[2];

static int
set_up(void **state)
{
	return fixture_setup(state) != 0 || pipe(pipe_fds) != 0 ? -1 : 0;
}

static int
tear_down(void **state)
{
	(void)close(pipe_fds[0]);
	(void)close(pipe_fds[1]);
	return fixture_teardown(state);
}

static void
open_turns(struct turns *turns, uint64_t most)
{
	assert_null(turns_open(turns, fixture_path("run"), most));
}

static void
tell(char what)
{
	if (write(pipe_fds[1], &what, 1) != 1)
		_exit(3);
}

static char
told(void)
{
	char what = '?';

	assert_int_equal(read(pipe_fds[0], &what, 1), 1);
	return what;
}

/* A process that takes a turn, says so, and keeps it for so many milliseconds. */
static pid_t
start(uint64_t most, const char *name, char what, unsigned ms)
{
	struct turns turns;
	pid_t pid = fork();

	if (pid != 0)
		return pid;
	if (turns_open(&turns, fixture_path("run"), most) != NULL)
		_exit(1);
	tell('w');
	if (!turns_wait(&turns, name, clock_after(ENOUGH)))
		_exit(2);
	tell(what);
	(void)usleep(ms * 1000);
	tell('-');
	turns_end(&turns);
	_exit(turns.held == 0 ? 0 : 4);
}

static void
reap(pid_t pid, bool killed)
{
	int status;

	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, killed ? SIGKILL : 0);
}

static void
test_no_more_at_once(void **state)
{
	pid_t pids[CHILDREN];
	int now = 0, top = 0;

	(void)state;
	for (size_t i = 0; i < CHILDREN; i++)
		pids[i] = start(3, "one", '+', 150);
	for (size_t i = 0; i < (size_t)3 * CHILDREN; i++) {
		char what = told();
		now += what == '+' ? 1 : what == '-' ? -1 : 0;
		top = now > top ? now : top;
	}
	assert_int_equal(top, 3);
	assert_int_equal(now, 0);
	for (size_t i = 0; i < CHILDREN; i++)
		reap(pids[i], false);
}

/* The turn of a process that is killed is free at once. */
static void
test_killed(void **state)
{
	struct turns turns;
	pid_t holder = start(1, "one", '+', ENOUGH * 1000), waiter;

	(void)state;
	assert_int_equal(told(), 'w');
	assert_int_equal(told(), '+');
	waiter = start(1, "one", '+', 0);
	assert_int_equal(told(), 'w');
	open_turns(&turns, 1);
	assert_false(turns_wait(&turns, "one", clock_now() + 100));
	assert_int_equal(kill(waiter, SIGKILL), 0);
	reap(waiter, true);
	assert_int_equal(kill(holder, SIGKILL), 0);
	reap(holder, true);
	assert_true(turns_wait(&turns, "one", clock_after(ENOUGH)));
	turns_end(&turns);
	assert_int_equal(close(turns.fd), 0);
}

/* How many locks on a file there are, or are waited for; see proc(5). */
static size_t
count_locks(int fd, bool waiting)
{
	FILE *file = fopen("/proc/locks", "re");
	char line[256], inode[32];
	struct stat st;
	size_t n = 0;

	assert_non_null(file);
	assert_int_equal(fstat(fd, &st), 0);
	(void)snprintf(inode, sizeof(inode), ":%lu ", (unsigned long)st.st_ino);
	while (fgets(line, sizeof(line), file) != NULL)
		if (strstr(line, "OFDLCK") != NULL && strstr(line, inode) != NULL &&
			(strstr(line, "->") != NULL) == waiting)
			n++;
	(void)fclose(file);
	return n;
}

/*
 * Until n processes stand in the queue behind its head, which has a lock, too, as has who
 * has the turn.
 */
static void
expect_queue(int fd, size_t n)
{
	const int64_t deadline = clock_after(ENOUGH);

	while (count_locks(fd, true) != n || count_locks(fd, false) != 2) {
		assert_true(clock_left(deadline) > 0);
		(void)usleep(2000);
	}
}

/* Six come, one after the other, and get their turns so, after a while if need be. */
static void
expect_order(useconds_t between, useconds_t pause)
{
	pid_t pids[6];
	struct turns turns;

	open_turns(&turns, 1);
	assert_true(turns_wait(&turns, "one", clock_after(ENOUGH)));
	for (size_t i = 0; i < 6; i++) {
		pids[i] = start(1, "one", (char)('a' + i), 0);
		assert_int_equal(told(), 'w');
		expect_queue(turns.fd, i);
		(void)usleep(between);
	}
	(void)usleep(pause);
	turns_end(&turns);
	for (int c = 'a'; c < 'g'; c++) {
		assert_int_equal(told(), c);
		assert_int_equal(told(), '-');
	}
	for (size_t i = 0; i < 6; i++)
		reap(pids[i], false);
	assert_int_equal(close(turns.fd), 0);
}

static void
test_first_come_first_served(void **state)
{
	(void)state;
	expect_order(0, 0);
}

/* Who waits for long keeps its place, whatever wakes it up meanwhile. */
static void
test_long_queue(void **state)
{
	(void)state;
	expect_order(17000, 325000);
}

static void
test_deadline(void **state)
{
	struct turns first, second;
	int64_t begin = clock_now();

	(void)state;
	open_turns(&first, 1);
	open_turns(&second, 1);
	assert_true(turns_wait(&first, "one", begin));
	/* One is enough. */
	assert_true(turns_wait(&first, "one", begin));
	assert_false(turns_wait(&second, "one", begin + 200));
	assert_true(clock_now() - begin >= 200);
	assert_true(clock_now() - begin < 2000);
	/* Another name has turns of its own. */
	assert_true(turns_wait(&second, "two", begin));
	turns_end(&second);
	turns_end(&first);
	assert_true(turns_wait(&second, "one", begin));
	assert_int_equal(close(first.fd), 0);
	assert_int_equal(close(second.fd), 0);
}

/* Signals are as they were. */
static void
test_signal(void **state)
{
	struct sigaction before, after;
	struct turns first, second;

	(void)state;
	open_turns(&first, 1);
	open_turns(&second, 1);
	assert_int_equal(sigaction(SIGALRM, NULL, &before), 0);
	assert_true(turns_wait(&first, "one", clock_now()));
	assert_false(turns_wait(&second, "one", clock_now() + 60));
	assert_int_equal(sigaction(SIGALRM, NULL, &after), 0);
	assert_true(before.sa_handler == after.sa_handler);
	assert_int_equal(alarm(0), 0);
	assert_int_equal(close(first.fd), 0);
	assert_int_equal(close(second.fd), 0);
}

static void
test_without(void **state)
{
	struct turns turns;

	(void)state;
	assert_null(turns_open(&turns, "/proc/nowhere", 0));
	assert_true(turns_wait(&turns, "one", clock_now()));
	turns_end(&turns);
	assert_non_null(turns_open(&turns, "/proc/nowhere", 1));
	assert_true(turns_wait(&turns, "one", clock_now()));
	turns_end(&turns);
	/* A file of somebody else's making. */
	open_turns(&turns, 1);
	assert_int_equal(close(turns.fd), 0);
	assert_int_equal(chmod(fixture_path("run/turns"), 0666), 0);
	assert_non_null(turns_open(&turns, fixture_path("run"), 1));
	assert_int_equal(turns.fd, -1);
}

int
test_turns(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_no_more_at_once, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_killed, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			test_first_come_first_served, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_long_queue, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_deadline, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_signal, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_without, set_up, tear_down),
	};

	return cmocka_run_group_tests_name("turns", tests, NULL, NULL);
}
