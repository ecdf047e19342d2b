#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "pop3d/roster.h"
#include "pop3d/run_directory.h"
#include "tests/unit/auth_fixture.h"
#include "tests/unit/tests.h"

#define TOGETHER 24

static int directory;
static int pipe_fds[2];

static int
set_up(void **state)
{
	const char *wrong;

	if (fixture_setup(state) != 0 || pipe(pipe_fds) != 0)
		return -1;
	directory = run_directory_open(fixture_path("run"), &wrong);
	return directory >= 0 ? 0 : -1;
}

static int
tear_down(void **state)
{
	(void)close(directory);
	(void)close(pipe_fds[0]);
	(void)close(pipe_fds[1]);
	return fixture_teardown(state);
}

/* A process that enters the roster, says whether it could ('+'), and stays. */
static pid_t
start(const char *user, uint64_t most)
{
	const char *wrong;
	pid_t pid = fork();
	char what;

	if (pid != 0)
		return pid;
	/* One that a failed test forgets must not stay. */
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
	what = roster_enter(directory, user, most, &wrong) ? '+' : '-';
	if (wrong != NULL)
		what = '!';
	if (write(pipe_fds[1], &what, 1) != 1)
		_exit(1);
	for (;;)
		(void)pause();
}

static char
told(void)
{
	char what = '?';

	assert_int_equal(read(pipe_fds[0], &what, 1), 1);
	return what;
}

static pid_t
expect(const char *user, uint64_t most, char what)
{
	pid_t pid = start(user, most);

	assert_true(pid > 0);
	assert_int_equal(told(), what);
	return pid;
}

static void
finish(pid_t pid, int number)
{
	int status;

	assert_int_equal(kill(pid, number), 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(WTERMSIG(status), number);
}

/* Whatever a process dies of, its place is free. */
static void
test_limit(void **state)
{
	static const int signals[] = {SIGKILL, SIGHUP, SIGTERM};
	pid_t first, second, third, other;

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		first = expect("jo", 2, '+');
		second = expect("jo", 2, '+');
		third = expect("jo", 2, '-');
		other = expect("j", 2, '+');
		finish(first, signals[i]);
		first = expect("jo", 2, '+');
		finish(third, SIGKILL);
		third = expect("jo", 2, '-');
		/* The limit may change. */
		finish(third, SIGKILL);
		third = expect("jo", 3, '+');
		finish(first, SIGKILL);
		finish(second, SIGKILL);
		finish(third, SIGKILL);
		finish(other, SIGKILL);
	}
}

/* Exactly as many get in as may, though all come at the same time. */
static void
test_race(void **state)
{
	pid_t pids[TOGETHER];
	unsigned entered = 0;

	(void)state;
	for (unsigned round = 0; round < 10; round++) {
		entered = 0;
		for (size_t i = 0; i < TOGETHER; i++)
			pids[i] = start("jo", 7);
		for (size_t i = 0; i < TOGETHER; i++) {
			char what = told();
			assert_int_not_equal(what, '!');
			entered += what == '+' ? 1 : 0;
		}
		assert_int_equal(entered, 7);
		for (size_t i = 0; i < TOGETHER; i++)
			finish(pids[i], SIGKILL);
	}
}

/* One that has ended, though nobody has waited for it yet. */
static void
test_zombie(void **state)
{
	pid_t first = expect("jo", 1, '+');
	siginfo_t info;

	(void)state;
	assert_int_equal(kill(first, SIGKILL), 0);
	assert_int_equal(waitid(P_PID, (id_t)first, &info, WEXITED | WNOWAIT), 0);
	finish(expect("jo", 1, '+'), SIGKILL);
	assert_int_equal(waitpid(first, NULL, 0), first);
}

/* More than there is room for: they are let in, and the reason is told. */
static void
test_full(void **state)
{
	pid_t pids[ROSTER_MAX + 1];

	(void)state;
	for (size_t i = 0; i < ROSTER_MAX; i++)
		pids[i] = expect("jo", ROSTER_MAX, '+');
	pids[ROSTER_MAX] = expect("jo", ROSTER_MAX, '-');
	finish(pids[ROSTER_MAX], SIGKILL);
	pids[ROSTER_MAX] = expect("jo", ROSTER_MAX + 1, '!');
	for (size_t i = 0; i <= ROSTER_MAX; i++)
		finish(pids[i], SIGKILL);
	finish(expect("jo", 1, '+'), SIGKILL);
}

/* An entry of a process whose number another one has now. */
static void
test_number_is_not_enough(void **state)
{
	unsigned char octets[48];
	pid_t first = expect("jo", 1, '+');
	int fd = run_directory_file(directory, "roster");
	off_t at;

	(void)state;
	assert_true(fd >= 0);
	for (at = 0;; at += (off_t)sizeof(octets)) {
		int64_t pid;
		assert_int_equal(pread(fd, octets, sizeof(octets), at), sizeof(octets));
		memcpy(&pid, octets + 40, sizeof(pid));
		if (pid == first)
			break;
	}
	/* It started a tick earlier. */
	octets[32]--;
	assert_int_equal(pwrite(fd, octets, sizeof(octets), at), sizeof(octets));
	assert_int_equal(close(fd), 0);
	finish(expect("jo", 1, '+'), SIGKILL);
	finish(first, SIGKILL);
}

/* A process that stands still with the lock keeps nobody out. */
static void
test_locked(void **state)
{
	struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
	int fd = run_directory_file(directory, "roster");

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(fcntl(fd, F_OFD_SETLK, &lock), 0);
	finish(expect("jo", 1, '!'), SIGKILL);
	assert_int_equal(close(fd), 0);
	finish(expect("jo", 1, '+'), SIGKILL);
}

static void
test_unusable(void **state)
{
	(void)state;
	finish(expect("jo", 1, '+'), SIGKILL);
	assert_int_equal(chmod(fixture_path("run/roster"), 0666), 0);
	finish(expect("jo", 1, '!'), SIGKILL);
	assert_int_equal(unlink(fixture_path("run/roster")), 0);
	assert_int_equal(symlink("/etc/passwd", fixture_path("run/roster")), 0);
	finish(expect("jo", 1, '!'), SIGKILL);
}

int
test_roster(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_limit, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_race, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_zombie, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_full, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			test_number_is_not_enough, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_locked, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_unusable, set_up, tear_down),
	};

	return cmocka_run_group_tests_name("roster", tests, NULL, NULL);
}
