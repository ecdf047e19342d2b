#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "pop3d/descriptors.h"
#include "tests/unit/tests.h"

/*
 * Each test runs in a child, which no one can look into: it exits with the line on which
 * something was not as it should be, modulo 256.
 */
#define CHECK(condition)                                                                 \
	do {                                                                             \
		if (!(condition))                                                        \
			_exit(__LINE__ % 255 + 1);                                       \
	} while (0)

static void
run_in_child(void (*run)(void))
{
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		run();
		_exit(0);
	}
	assert_true(pid > 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	if (WEXITSTATUS(status) != 0)
		fail_msg("a line like %d of this file", WEXITSTATUS(status) - 1);
}

static bool
is_open(int fd)
{
	return fcntl(fd, F_GETFD) >= 0;
}

static bool
is_null(int fd)
{
	struct stat st;

	return fstat(fd, &st) == 0 && S_ISCHR(st.st_mode) && st.st_rdev == makedev(1, 3);
}

static bool
survives_exec(int fd)
{
	int flags = fcntl(fd, F_GETFD);

	return flags >= 0 && (flags & FD_CLOEXEC) == 0;
}

/* A new file that holds one letter. */
static int
open_letter(char letter)
{
	int fd = memfd_create("letter", MFD_CLOEXEC);

	CHECK(fd >= 0);
	CHECK(write(fd, &letter, 1) == 1);
	return fd;
}

static char
letter_of(int fd)
{
	char letter;

	CHECK(pread(fd, &letter, 1, 0) == 1);
	return letter;
}

static void
run_fill(void)
{
	struct stat before, after;

	CHECK(fstat(1, &before) == 0);
	(void)close(0);
	(void)close(2);
	CHECK(descriptors_fill_standard());
	CHECK(is_null(0));
	CHECK(is_null(2));
	/* One that is open stays what it is. */
	CHECK(fstat(1, &after) == 0 && after.st_ino == before.st_ino);
	(void)close(0);
	(void)close(1);
	(void)close(2);
	CHECK(descriptors_fill_standard());
	CHECK(is_null(0) && is_null(1) && is_null(2));
	CHECK(write(2, "x", 1) == 1);
}

static void
run_close_from(void)
{
	int fd = open_letter('a');

	CHECK(dup2(fd, 50) == 50);
	CHECK(dup2(fd, 51) == 51);
	CHECK(dup2(fd, 300) == 300);
	CHECK(descriptors_close_from(51));
	CHECK(is_open(50));
	CHECK(!is_open(51));
	CHECK(!is_open(300));
	CHECK(is_open(0) && is_open(1));
	/* There is nothing to close. */
	CHECK(descriptors_close_from(51));
}

static void
run_arrange(void)
{
	int a, b;

	CHECK(descriptors_close_from(3));
	a = open_letter('a');
	b = open_letter('b');
	/* Each stands where another must go, one is wanted twice, one not at all. */
	CHECK(dup2(a, 0) == 0 && dup2(b, 1) == 1);
	const int fds[] = {1, 0, -1, b, a, 1};
	CHECK(dup2(a, 100) == 100 && dup2(a, 127) == 127 && dup2(a, 200) == 200);
	CHECK(descriptors_arrange(fds, 6));
	CHECK(letter_of(0) == 'b' && letter_of(1) == 'a' && is_null(2));
	CHECK(letter_of(3) == 'b' && letter_of(4) == 'a' && letter_of(5) == 'b');
	for (int fd = 0; fd < 6; fd++)
		CHECK(survives_exec(fd));
	for (int fd = 6; fd < 1000; fd++)
		CHECK(!is_open(fd));
}

static void
run_arrange_none(void)
{
	CHECK(descriptors_arrange(NULL, 0));
	for (int fd = 0; fd < 1000; fd++)
		CHECK(!is_open(fd));
}

static void
run_arrange_most(void)
{
	int fds[129];
	int a;

	CHECK(descriptors_close_from(3));
	a = open_letter('a');
	for (size_t i = 0; i < 129; i++)
		fds[i] = i % 2 == 0 ? a : -1;
	errno = 0;
	CHECK(!descriptors_arrange(fds, 129));
	CHECK(errno == EINVAL);
	CHECK(descriptors_arrange(fds, 128));
	for (int fd = 0; fd < 128; fd++)
		CHECK(fd % 2 == 0 ? letter_of(fd) == 'a' : is_null(fd));
	for (int fd = 128; fd < 1000; fd++)
		CHECK(!is_open(fd));
}

static void
run_arrange_wrong(void)
{
	const int fds[] = {0, 999, 1};

	CHECK(descriptors_close_from(3));
	errno = 0;
	CHECK(!descriptors_arrange(fds, 3));
	CHECK(errno == EBADF);
}

static void
run_silence(void)
{
	int fd = open_letter('a');

	CHECK(descriptors_close_from(fd + 1));
	CHECK(descriptors_silence(fd));
	CHECK(is_null(fd));
	CHECK(!is_open(fd + 1));
	CHECK(write(fd, "x", 1) == 1);
	/* One that is closed. */
	CHECK(close(fd) == 0);
	CHECK(descriptors_silence(fd));
	CHECK(is_null(fd));
	CHECK(!is_open(fd + 1));
}

static void
run_same(void)
{
	int a = open_letter('a'), b = open_letter('a'), c = dup(a), pair[2];

	CHECK(descriptors_are_same(a, a));
	CHECK(descriptors_are_same(a, c));
	CHECK(!descriptors_are_same(a, b));
	CHECK(pipe2(pair, O_CLOEXEC) == 0);
	CHECK(!descriptors_are_same(a, pair[0]));
	CHECK(!descriptors_are_same(-1, a));
	CHECK(!descriptors_are_same(a, 999));
	CHECK(!descriptors_are_same(-1, -1));
}

static void
test_fill_standard(void **state)
{
	(void)state;
	run_in_child(run_fill);
}

static void
test_close_from(void **state)
{
	(void)state;
	run_in_child(run_close_from);
}

static void
test_arrange(void **state)
{
	(void)state;
	run_in_child(run_arrange);
	run_in_child(run_arrange_none);
	run_in_child(run_arrange_most);
	run_in_child(run_arrange_wrong);
}

static void
test_silence(void **state)
{
	(void)state;
	run_in_child(run_silence);
}

static void
test_are_same(void **state)
{
	(void)state;
	run_in_child(run_same);
}

int
test_descriptors(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_fill_standard),
		cmocka_unit_test(test_close_from),
		cmocka_unit_test(test_arrange),
		cmocka_unit_test(test_silence),
		cmocka_unit_test(test_are_same),
	};

	return cmocka_run_group_tests_name("descriptors", tests, NULL, NULL);
}
