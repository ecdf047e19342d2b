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

#include "mailstore/session_lock.h"
#include "tests/unit/tests.h"

#define NAME "lock"

static char directory[64];
static int dirfd_ = -1;
static unsigned logged;

__attribute__((format(printf, 3, 4))) static void
count_line(void *cookie, int priority, const char *format, ...)
{
	(void)cookie;
	(void)priority;
	(void)format;
	logged++;
}

static struct mail_options options = {.home = "", .log = count_line};

static int
set_up(void **state)
{
	(void)state;
	snprintf(directory, sizeof(directory), "/tmp/pop3d-test.XXXXXX");
	if (mkdtemp(directory) == NULL)
		return -1;
	dirfd_ = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	options.lock_wait = 0;
	logged = 0;
	return dirfd_ < 0;
}

static int
tear_down(void **state)
{
	(void)state;
	unlinkat(dirfd_, NAME, 0);
	unlinkat(dirfd_, NAME, AT_REMOVEDIR);
	unlinkat(dirfd_, "other", 0);
	close(dirfd_);
	return rmdir(directory);
}

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
	int fd = -1, second = -1;

	(void)state;
	assert_int_equal(session_lock(dirfd_, NAME, &options, &fd), MAIL_OK);
	assert_int_equal(session_lock(dirfd_, NAME, &options, &second), MAIL_BUSY);
	/* Closing another descriptor of the file must not lose it, as POSIX locks do. */
	close(openat(dirfd_, NAME, O_RDONLY | O_CLOEXEC));
	assert_int_equal(session_lock(dirfd_, NAME, &options, &second), MAIL_BUSY);
	close(fd);
	assert_int_equal(session_lock(dirfd_, NAME, &options, &second), MAIL_OK);
	close(second);
	assert_int_equal(faccessat(dirfd_, NAME, F_OK, 0), 0);
	assert_int_equal(logged, 0);
}

static void
test_file(void **state)
{
	char text[512], pid[32];
	struct stat st;
	ssize_t n;
	int fd;

	(void)state;
	assert_int_equal(session_lock(dirfd_, NAME, &options, &fd), MAIL_OK);
	assert_int_equal(fcntl(fd, F_GETFD), FD_CLOEXEC);
	assert_int_equal(fstat(fd, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	n = pread(fd, text, sizeof(text) - 1, 0);
	assert_true(n > 0);
	text[n] = '\0';
	assert_int_equal(strncmp(text, "host=", 5), 0);
	assert_non_null(strstr(text, " boot="));
	snprintf(pid, sizeof(pid), " pid=%ld ", (long)getpid());
	assert_non_null(strstr(text, pid));
	assert_non_null(strstr(text, " start="));
	assert_int_equal(text[n - 1], '\n');
	close(fd);
}

/* The text of a holder with a longer one is gone for good. */
static void
test_old_text(void **state)
{
	char text[1024];
	ssize_t n;
	int fd = openat(dirfd_, NAME, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

	(void)state;
	memset(text, 'x', sizeof(text));
	assert_int_equal(write(fd, text, sizeof(text)), (ssize_t)sizeof(text));
	close(fd);
	assert_int_equal(session_lock(dirfd_, NAME, &options, &fd), MAIL_OK);
	n = pread(fd, text, sizeof(text), 0);
	assert_true(n > 0 && n < 512);
	assert_null(memchr(text, '\n', (size_t)n - 1));
	close(fd);
}

/* A child that takes the lock, tells by a pipe, and sleeps for ms (or until killed). */
static pid_t
start_holder(long ms)
{
	const struct timespec time = {
		.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};
	int ready[2], fd;
	pid_t pid;
	char c = 'r';

	assert_int_equal(pipe2(ready, O_CLOEXEC), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		if (session_lock(dirfd_, NAME, &options, &fd) != MAIL_OK ||
			write(ready[1], &c, 1) != 1)
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
	int fd;

	(void)state;
	assert_int_equal(session_lock(dirfd_, NAME, &options, &fd), MAIL_BUSY);
	kill(pid, SIGKILL);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	assert_int_equal(session_lock(dirfd_, NAME, &options, &fd), MAIL_OK);
	close(fd);
}

static void
test_waiting(void **state)
{
	struct timespec start;
	pid_t pid = start_holder(200);
	int fd, second;

	(void)state;
	options.lock_wait = 5;
	clock_gettime(CLOCK_MONOTONIC, &start);
	assert_int_equal(session_lock(dirfd_, NAME, &options, &fd), MAIL_OK);
	assert_true(seconds_since(&start) < 4);
	assert_int_equal(waitpid(pid, NULL, 0), pid);

	options.lock_wait = 1;
	clock_gettime(CLOCK_MONOTONIC, &start);
	assert_int_equal(session_lock(dirfd_, NAME, &options, &second), MAIL_BUSY);
	assert_true(seconds_since(&start) >= 1 && seconds_since(&start) < 3);
	close(fd);
}

static void
test_no_lock_file(void **state)
{
	struct stat st;
	int fd;

	(void)state;
	assert_int_equal(symlinkat("other", dirfd_, NAME), 0);
	assert_int_equal(session_lock(dirfd_, NAME, &options, &fd), MAIL_PERM);
	assert_int_not_equal(fstatat(dirfd_, "other", &st, 0), 0);
	assert_int_equal(unlinkat(dirfd_, NAME, 0), 0);

	assert_int_equal(mkfifoat(dirfd_, NAME, 0600), 0);
	assert_int_equal(session_lock(dirfd_, NAME, &options, &fd), MAIL_PERM);
	assert_int_equal(unlinkat(dirfd_, NAME, 0), 0);

	assert_int_equal(mkdirat(dirfd_, NAME, 0700), 0);
	assert_int_equal(session_lock(dirfd_, NAME, &options, &fd), MAIL_PERM);
	assert_int_equal(logged, 3);
}

/* A hard link to a file of value: it keeps its content. */
static void
test_second_name(void **state)
{
	struct stat st;
	int fd = openat(dirfd_, "other", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

	(void)state;
	assert_int_equal(write(fd, "precious", 8), 8);
	close(fd);
	assert_int_equal(linkat(dirfd_, "other", dirfd_, NAME, 0), 0);
	assert_int_equal(session_lock(dirfd_, NAME, &options, &fd), MAIL_PERM);
	assert_int_equal(fstatat(dirfd_, "other", &st, 0), 0);
	assert_int_equal(st.st_size, 8);
}

/* Without a file: for a disk that is full. */
static void
test_directory(void **state)
{
	struct timespec start;
	int fd, second = -1;

	(void)state;
	assert_int_equal(session_lock_directory(dirfd_, &options, &fd), MAIL_OK);
	assert_int_equal(fcntl(fd, F_GETFD), FD_CLOEXEC);
	options.lock_wait = 1;
	clock_gettime(CLOCK_MONOTONIC, &start);
	assert_int_equal(session_lock_directory(dirfd_, &options, &second), MAIL_BUSY);
	assert_true(seconds_since(&start) >= 1 && seconds_since(&start) < 3);
	close(fd);
	assert_int_equal(session_lock_directory(dirfd_, &options, &fd), MAIL_OK);
	close(fd);
	assert_int_equal(session_lock_directory(-1, &options, &fd), MAIL_TEMP);
}

/* Its owner could lock others out for ever. */
static void
test_other_owner(void **state)
{
	int fd = openat(dirfd_, NAME, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

	(void)state;
	assert_true(fd >= 0);
	close(fd);
	if (geteuid() != 0)
		fail_msg("this test needs root");
	assert_int_equal(fchownat(dirfd_, NAME, 65534, 65534, 0), 0);
	assert_int_equal(session_lock(dirfd_, NAME, &options, &fd), MAIL_PERM);
	assert_int_equal(logged, 1);
}

/* Who waits for a file that is removed meanwhile locks the one that is there then. */
static void
test_removed_while_waiting(void **state)
{
	pid_t holder = start_holder(300);
	struct stat locked, named;
	int fd;

	(void)state;
	assert_int_equal(unlinkat(dirfd_, NAME, 0), 0);
	options.lock_wait = 3;
	assert_int_equal(session_lock(dirfd_, NAME, &options, &fd), MAIL_OK);
	assert_int_equal(fstat(fd, &locked), 0);
	assert_int_equal(fstatat(dirfd_, NAME, &named, 0), 0);
	assert_int_equal(locked.st_ino, named.st_ino);
	close(fd);
	assert_int_equal(waitpid(holder, NULL, 0), holder);

	holder = start_holder(60000);
	const pid_t waiter = fork();
	if (waiter == 0)
		_exit(session_lock(dirfd_, NAME, &options, &fd) == MAIL_OK &&
					fstat(fd, &locked) == 0 &&
					fstatat(dirfd_, NAME, &named, 0) == 0 &&
					locked.st_ino == named.st_ino
				? 0
				: 1);
	nanosleep(&(struct timespec){.tv_nsec = 200000000}, NULL);
	assert_int_equal(unlinkat(dirfd_, NAME, 0), 0);
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
		cmocka_unit_test_setup_teardown(test_exclusion, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_file, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_old_text, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_killed_holder, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_waiting, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_no_lock_file, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_second_name, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_directory, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_other_owner, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			test_removed_while_waiting, set_up, tear_down),
	};

	return cmocka_run_group_tests_name("session_lock", tests, NULL, NULL);
}
