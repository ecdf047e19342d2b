#include "auth/checkpassword_run.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "tests/unit/auth_fixture.h"
#include "tests/unit/tests.h"

static struct checkpassword_order order;
static struct checkpassword_outcome outcome;
static char program[512];
static char *arguments[3];

/* A program that runs these lines of a shell. */
static char *const *
script(const char *lines)
{
	static char last[] = "/subprogram";
	char text[2048];
	int n = snprintf(text, sizeof(text), "#!/bin/sh\ncd '%s' || exit 99\n%s\n",
		fixture_directory, lines);

	fixture_write("program", text, (size_t)n, 0755);
	(void)snprintf(program, sizeof(program), "%s", fixture_path("program"));
	arguments[0] = program;
	arguments[1] = last;
	return arguments;
}

static void
prepare_order(void)
{
	static const char data[] = "jo\0secret\0stamp";

	memset(&order, 0, sizeof(order));
	memcpy(order.data, data, sizeof(data));
	order.n = sizeof(data);
	(void)snprintf(order.remote, sizeof(order.remote), "192.0.2.1");
}

static void
run(const char *lines, unsigned timeout)
{
	prepare_order();
	checkpassword_run(script(lines), timeout, &order, -1, &outcome);
}

static int
exit_of(const char *lines)
{
	run(lines, 10);
	assert_int_equal(outcome.end, CHECKPASSWORD_ENDED);
	assert_true(WIFEXITED(outcome.status));
	return WEXITSTATUS(outcome.status);
}

/* Whether the process whose number is in a file still runs; a dead one may lie about. */
static bool
is_running(const char *name)
{
	char path[64], stat[512] = "";
	size_t n;
	char *text = fixture_read(name, &n);
	FILE *file;

	(void)snprintf(
		path, sizeof(path), "/proc/%.*s/stat", (int)strcspn(text, "\n"), text);
	free(text);
	file = fopen(path, "re");
	if (file == NULL)
		return false;
	n = fread(stat, 1, sizeof(stat) - 1, file);
	assert_int_equal(fclose(file), 0);
	return n > 0 && strstr(stat, ") Z") == NULL && strstr(stat, ") X") == NULL;
}

static void
data_arrives_and_is_wiped(void **state)
{
	static const unsigned char none[sizeof(order.data)];
	char *text;
	size_t n;

	(void)state;
	assert_int_equal(exit_of("cat <&3 >got; echo \"$1 $TCPREMOTEIP\" >argument"), 0);
	text = fixture_read("got", &n);
	assert_int_equal(n, 16);
	assert_memory_equal(text, "jo\0secret\0stamp", 16);
	free(text);
	text = fixture_read("argument", &n);
	assert_string_equal(text, "/subprogram 192.0.2.1\n");
	free(text);
	assert_memory_equal(order.data, none, sizeof(none));
	assert_false(outcome.answered);
}

static void
ends_are_told_apart(void **state)
{
	(void)state;
	assert_int_equal(exit_of("exit 111"), 111);
	assert_int_equal(exit_of("exec 3<&-; exit 1"), 1);
	run("kill -SEGV $$", 10);
	assert_int_equal(outcome.end, CHECKPASSWORD_ENDED);
	assert_true(WIFSIGNALED(outcome.status));
	prepare_order();
	(void)script("exit 0");
	assert_int_equal(unlink(program), 0);
	checkpassword_run(arguments, 10, &order, -1, &outcome);
	assert_int_equal(outcome.end, CHECKPASSWORD_BROKEN);
	assert_int_equal(outcome.error, ENOENT);
	/* Not even then is it left where it was. */
	assert_int_equal(order.data[0], 0);
}

static void
answer_comes_with_the_ids_of_who_wrote_it(void **state)
{
	(void)state;
	assert_int_equal(exit_of("printf 'a\\0b' >&4"), 0);
	assert_true(outcome.answered);
	assert_int_equal(outcome.n, 3);
	assert_memory_equal(outcome.answer, "a\0b", 3);
	assert_int_equal(outcome.uid, getuid());
	assert_int_equal(outcome.gid, getgid());
	/* More than fits is no answer. */
	assert_int_equal(exit_of("dd if=/dev/zero bs=5000 count=1 >&4"), 0);
	assert_false(outcome.answered);
}

static void
deadline_kills(void **state)
{
	time_t began = time(NULL);

	(void)state;
	run("trap '' TERM; sleep 1000 & echo $! >child; sleep 1000", 1);
	assert_int_equal(outcome.end, CHECKPASSWORD_LATE);
	assert_true(time(NULL) - began < 5);
	/* This process adopts nobody: it died with its group, some time soon. */
	for (int i = 0; i < 100 && is_running("child"); i++)
		(void)usleep(10000);
	assert_false(is_running("child"));
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
	assert_int_equal(errno, ECHILD);
}

static int
start_runner(const char *lines, unsigned timeout, pid_t *pid)
{
	int fd = checkpassword_run_start(script(lines), timeout, pid);

	assert_true(fd >= 0);
	prepare_order();
	assert_int_equal(send(fd, &order, sizeof(order), 0), sizeof(order));
	return fd;
}

static void
end_runner(int fd, pid_t pid)
{
	int status;

	assert_int_equal(close(fd), 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
}

static void
runner_takes_one_order(void **state)
{
	pid_t pid;
	int fd = start_runner("exit 7", 10, &pid);

	(void)state;
	assert_int_equal(recv(fd, &outcome, sizeof(outcome), 0), sizeof(outcome));
	assert_int_equal(outcome.end, CHECKPASSWORD_ENDED);
	assert_int_equal(WEXITSTATUS(outcome.status), 7);
	assert_int_equal(recv(fd, &outcome, sizeof(outcome), 0), 0);
	end_runner(fd, pid);
}

/* Two sessions away from the program, and it must be gone before the answer is there. */
static void
runner_kills_daemons(void **state)
{
	pid_t pid;
	int fd = start_runner(
		"setsid sh -c 'setsid sleep 1000 & echo $! >daemon; wait' &\n"
		"sleep 1000",
		1, &pid);

	(void)state;
	assert_int_equal(recv(fd, &outcome, sizeof(outcome), 0), sizeof(outcome));
	assert_int_equal(outcome.end, CHECKPASSWORD_LATE);
	assert_false(is_running("daemon"));
	end_runner(fd, pid);
}

/* A program that has ended leaves nothing behind, in whatever group or session. */
static void
runner_kills_what_is_left(void **state)
{
	pid_t pid;
	int fd = start_runner(
		"sleep 1000 & echo $! >child\n"
		"setsid sh -c 'echo $$ >daemon; exec sleep 1000' &\n"
		"while [ ! -s daemon ]; do sleep 0.01; done; printf 'a' >&4; exit 7",
		10, &pid);

	(void)state;
	assert_int_equal(recv(fd, &outcome, sizeof(outcome), 0), sizeof(outcome));
	assert_int_equal(outcome.end, CHECKPASSWORD_ENDED);
	assert_int_equal(WEXITSTATUS(outcome.status), 7);
	assert_true(outcome.answered);
	assert_false(is_running("child"));
	assert_false(is_running("daemon"));
	end_runner(fd, pid);
}

static void
runner_ends_when_nobody_waits(void **state)
{
	pid_t pid;
	int fd = start_runner("echo $$ >self; sleep 1000", 1000, &pid);
	struct stat st;

	(void)state;
	while (stat(fixture_path("self"), &st) != 0 || st.st_size == 0)
		(void)usleep(10000);
	end_runner(fd, pid);
	assert_false(is_running("self"));
	/* Nor does it wait for an order that never comes. */
	fd = checkpassword_run_start(script("exit 0"), 1, &pid);
	assert_true(fd >= 0);
	end_runner(fd, pid);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int
test_checkpassword_run(void)
{
	const struct CMUnitTest tests[] = {
		TEST(data_arrives_and_is_wiped),
		TEST(ends_are_told_apart),
		TEST(answer_comes_with_the_ids_of_who_wrote_it),
		TEST(deadline_kills),
		TEST(runner_takes_one_order),
		TEST(runner_kills_daemons),
		TEST(runner_kills_what_is_left),
		TEST(runner_ends_when_nobody_waits),
	};

	return cmocka_run_group_tests_name("checkpassword_run", tests, NULL, NULL);
}
