#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "pop3d/child.h"
#include "pop3d/clock.h"
#include "pop3d/log.h"
#include "tests/unit/tests.h"

static const int crashes[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT, SIGSYS, SIGTRAP};
static const int others[] = {SIGTERM, SIGKILL, SIGHUP, SIGINT, SIGPIPE, SIGALRM, SIGXCPU};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static char last[LOG_TEXT_MAX];
static unsigned n_lines;

static void
take_line(int priority, const char *text)
{
	assert_int_equal(priority, LOG_ERR);
	(void)snprintf(last, sizeof(last), "%s", text);
	n_lines++;
}

static int
set_up(void **state)
{
	(void)state;
	log_set_sink(take_line);
	return 0;
}

static int
tear_down(void **state)
{
	(void)state;
	log_set_sink(NULL);
	return 0;
}

/* A child that exits with a code, or dies of a signal, or (code < 0) does neither. */
static pid_t
start(int code, int signal_number)
{
	const struct rlimit none = {0, 0};
	pid_t pid = fork();

	if (pid != 0) {
		assert_true(pid > 0);
		return pid;
	}
	(void)setrlimit(RLIMIT_CORE, &none);
	if (signal_number != 0) {
		(void)signal(signal_number, SIG_DFL);
		(void)raise(signal_number);
	}
	if (code >= 0)
		_exit(code);
	for (;;)
		(void)pause();
}

static void
expect_no_child(pid_t pid)
{
	assert_int_equal(waitpid(pid, NULL, WNOHANG), -1);
	assert_int_equal(errno, ECHILD);
}

static void
test_finish(void **state)
{
	pid_t pid;
	int status;

	(void)state;
	for (int code = 0; code < 256; code += 85) {
		pid = start(code, 0);
		status = child_finish(pid);
		assert_true(WIFEXITED(status));
		assert_int_equal(WEXITSTATUS(status), code);
		assert_false(child_crashed(status));
		expect_no_child(pid);
	}
	for (size_t i = 0; i < COUNT(crashes); i++) {
		pid = start(-1, crashes[i]);
		status = child_finish(pid);
		assert_true(WIFSIGNALED(status));
		assert_int_equal(WTERMSIG(status), crashes[i]);
		assert_true(child_crashed(status));
	}
	for (size_t i = 0; i < COUNT(others); i++) {
		status = child_finish(start(-1, others[i]));
		assert_int_equal(WTERMSIG(status), others[i]);
		assert_false(child_crashed(status));
	}
}

/* One that does not end is ended, after half a second. */
static void
test_finish_stuck(void **state)
{
	pid_t pid = start(-1, 0);
	int64_t before = clock_now();
	int status = child_finish(pid);

	(void)state;
	/* It is no fault of the child's that it was killed. */
	assert_int_equal(status, 0);
	assert_true(clock_now() - before >= 490);
	assert_true(clock_now() - before < 10000);
	expect_no_child(pid);
}

static void
test_end(void **state)
{
	pid_t pid = start(-1, 0);
	int status = child_end(pid);

	(void)state;
	assert_true(WIFSIGNALED(status));
	assert_int_equal(WTERMSIG(status), SIGKILL);
	expect_no_child(pid);
}

/* Neither may signal or wait for a whole group of processes. */
static void
test_no_child(void **state)
{
	pid_t other = start(-1, 0);

	(void)state;
	assert_int_equal(child_end(0), 0);
	assert_int_equal(child_finish(0), 0);
	assert_int_equal(child_end(-1), 0);
	assert_int_equal(child_finish(-1), 0);
	assert_int_equal(waitpid(other, NULL, WNOHANG), 0);
	assert_int_equal(WTERMSIG(child_end(other)), SIGKILL);
}

/* A leader of a group and one more process in it, which `out` stands for. */
static pid_t
start_group(int *out, bool leader_ends)
{
	int fds[2];
	pid_t pid;

	assert_int_equal(pipe(fds), 0);
	pid = fork();
	if (pid == 0) {
		(void)setsid();
		if (fork() != 0 && leader_ends)
			_exit(7);
		if (write(fds[1], "x", 1) == 1)
			for (;;)
				(void)pause();
		_exit(1);
	}
	assert_true(pid > 0);
	assert_int_equal(close(fds[1]), 0);
	*out = fds[0];
	return pid;
}

/* Waits for what the processes wrote, then for their end; how much they wrote. */
static ssize_t
drain(int fd)
{
	char octets[8];
	ssize_t n, all = 0;

	while ((n = read(fd, octets, sizeof(octets))) > 0)
		all += n;
	assert_int_equal(n, 0);
	assert_int_equal(close(fd), 0);
	return all;
}

static void
test_group(void **state)
{
	char octets[2];
	int fd, status;
	pid_t pid;

	(void)state;
	pid = start_group(&fd, true);
	assert_int_equal(read(fd, octets, 1), 1);
	status = child_finish_group(pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 7);
	assert_int_equal(drain(fd), 0);
	expect_no_child(pid);

	pid = start_group(&fd, false);
	assert_int_equal(read(fd, octets, 1), 1);
	assert_int_equal(read(fd, octets, 1), 1);
	assert_int_equal(WTERMSIG(child_end_group(pid)), SIGKILL);
	assert_int_equal(drain(fd), 0);
	expect_no_child(pid);
	assert_int_equal(child_end_group(0), 0);
	assert_int_equal(child_finish_group(-1), 0);
}

/* A child that others wait for is left to them. */
static void
test_by_pid(void **state)
{
	pid_t first = start(3, 0), second = start(4, 0);
	int status;

	(void)state;
	assert_int_equal(WEXITSTATUS(child_finish(second)), 4);
	assert_int_equal(waitpid(first, &status, 0), first);
	assert_int_equal(WEXITSTATUS(status), 3);
}

static void
test_report(void **state)
{
	char expected[64];

	(void)state;
	n_lines = 0;
	assert_false(child_report("front", child_finish(start(0, 0))));
	assert_false(child_report("front", child_finish(start(70, 0))));
	assert_int_equal(n_lines, 0);
	for (size_t i = 0; i < COUNT(crashes); i++) {
		assert_true(child_report("front", child_finish(start(-1, crashes[i]))));
		(void)snprintf(expected, sizeof(expected),
			"event=crash role=front signal=%d", crashes[i]);
		assert_string_equal(last, expected);
	}
	assert_int_equal(n_lines, COUNT(crashes));
	assert_false(child_report("auth", child_finish(start(-1, SIGKILL))));
	assert_string_equal(last, "event=crash role=auth signal=9");
}

int
test_child(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_finish),
		cmocka_unit_test(test_finish_stuck),
		cmocka_unit_test(test_end),
		cmocka_unit_test(test_no_child),
		cmocka_unit_test(test_group),
		cmocka_unit_test(test_by_pid),
		cmocka_unit_test(test_report),
	};

	return cmocka_run_group_tests_name("child", tests, set_up, tear_down);
}
