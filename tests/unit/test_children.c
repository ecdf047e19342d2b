#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "pop3d/children.h"
#include "tests/unit/tests.h"

static struct children children;

static int
set_up(void **state)
{
	(void)state;
	memset(&children, 0xa5, sizeof(children));
	return children_init(&children, 4) ? 0 : -1;
}

static int
tear_down(void **state)
{
	(void)state;
	free(children.entries);
	return 0;
}

static void
test_table(void **state)
{
	(void)state;
	assert_int_equal(children.n, 0);
	assert_int_equal(children.cap, 4);
	assert_int_equal(children_from(&children, "192.0.2.1"), 0);
	assert_false(children_remove(&children, 101));
	children_add(&children, 101, "192.0.2.1");
	children_add(&children, 102, "::1");
	children_add(&children, 103, "192.0.2.1");
	children_add(&children, 104, "");
	assert_int_equal(children.n, 4);
	assert_int_equal(children_from(&children, "192.0.2.1"), 2);
	assert_int_equal(children_from(&children, "192.0.2.11"), 0);
	assert_int_equal(children_from(&children, "192.0.2."), 0);
	assert_int_equal(children_from(&children, "::1"), 1);
	assert_int_equal(children_from(&children, ""), 1);
	assert_string_equal(children_address(&children, 102), "::1");
	assert_null(children_address(&children, 105));
	/* In an order unlike the one they came in. */
	assert_true(children_remove(&children, 102));
	assert_false(children_remove(&children, 102));
	assert_int_equal(children_from(&children, "::1"), 0);
	assert_int_equal(children_from(&children, "192.0.2.1"), 2);
	assert_true(children_remove(&children, 101));
	assert_int_equal(children_from(&children, "192.0.2.1"), 1);
	assert_true(children_remove(&children, 104));
	assert_true(children_remove(&children, 103));
	assert_int_equal(children.n, 0);
	assert_false(children_remove(&children, 103));
}

static void
test_half_open_ones(void **state)
{
	struct children restored;
	int fd;

	(void)state;
	assert_int_equal(children_half_open(&children), 0);
	children_add(&children, 101, "::1");
	children_add(&children, 102, "::1");
	children_add(&children, 103, "::1");
	assert_int_equal(children_half_open(&children), 3);
	children_logged_in(&children, 102);
	children_logged_in(&children, 102);
	children_logged_in(&children, 104);
	assert_int_equal(children_half_open(&children), 2);
	/* It is known of each, and outlives the program. */
	fd = children_save(&children);
	assert_true(children_init(&restored, 3));
	assert_true(children_restore(&restored, fd));
	assert_int_equal(close(fd), 0);
	assert_true(children_remove(&restored, 101));
	assert_int_equal(children_half_open(&restored), 1);
	assert_true(children_remove(&restored, 102));
	assert_int_equal(children_half_open(&restored), 1);
	free(restored.entries);
	/* Who comes in the place of one that has is another one. */
	assert_true(children_remove(&children, 102));
	children_add(&children, 105, "::1");
	assert_int_equal(children_half_open(&children), 3);
}

/* A table that is full does not grow over its end, and serves on. */
static void
test_full(void **state)
{
	(void)state;
	for (pid_t pid = 101; pid < 110; pid++)
		children_add(&children, pid, "::1");
	assert_int_equal(children.n, 4);
	assert_true(children_remove(&children, 104));
	assert_false(children_remove(&children, 105));
	children_add(&children, 110, "::1");
	assert_true(children_remove(&children, 110));
}

static void
test_long_address(void **state)
{
	char address[2 * ADDRESS_TEXT_MAX];

	(void)state;
	memset(address, 'a', sizeof(address) - 1);
	address[sizeof(address) - 1] = '\0';
	children_add(&children, 101, address);
	assert_int_equal(strnlen(children.entries[0].address, ADDRESS_TEXT_MAX),
		ADDRESS_TEXT_MAX - 1);
}

static void
test_save(void **state)
{
	struct children restored;
	int fd;

	(void)state;
	children_add(&children, 101, "192.0.2.1");
	children_add(&children, 102, "::1");
	children_add(&children, 103, "192.0.2.1");
	fd = children_save(&children);
	assert_true(fd >= 0);
	assert_int_equal(fcntl(fd, F_GETFD) & FD_CLOEXEC, 0);
	assert_true(children_init(&restored, 10));
	assert_true(children_restore(&restored, fd));
	assert_int_equal(restored.n, 3);
	assert_int_equal(restored.cap, 10);
	assert_int_equal(children_from(&restored, "192.0.2.1"), 2);
	assert_true(children_remove(&restored, 101));
	assert_true(children_remove(&restored, 102));
	assert_true(children_remove(&restored, 103));
	free(restored.entries);
	assert_int_equal(close(fd), 0);
	/* The table that was saved is still what it was. */
	assert_int_equal(children.n, 3);
}

static void
test_save_none(void **state)
{
	int fd = children_save(&children);

	(void)state;
	assert_true(fd >= 0);
	children_add(&children, 101, "::1");
	assert_true(children_restore(&children, fd));
	assert_int_equal(children.n, 0);
	assert_int_equal(close(fd), 0);
}

/* More than the table was made for: none is forgotten. */
static void
test_restore_more(void **state)
{
	struct children restored;
	int fd;

	(void)state;
	for (pid_t pid = 101; pid < 105; pid++)
		children_add(&children, pid, "::1");
	fd = children_save(&children);
	assert_true(fd >= 0);
	assert_true(children_init(&restored, 1));
	assert_true(children_restore(&restored, fd));
	assert_int_equal(restored.n, 4);
	assert_true(restored.cap >= restored.n);
	assert_int_equal(children_from(&restored, "::1"), 4);
	free(restored.entries);
	assert_int_equal(close(fd), 0);
}

/* A file of one entry, of which the octet at `at` was changed, is no table. */
static void
assert_refused(size_t at, int octet)
{
	unsigned char *entry = (unsigned char *)children.entries;
	int fd;

	memset(children.entries, 0, sizeof(struct child_entry));
	children.n = 0;
	children_add(&children, 101, "::1");
	if (at == 0)
		children.entries[0].pid = octet;
	else
		memset(entry + at, octet,
			at == offsetof(struct child_entry, address) ? ADDRESS_TEXT_MAX
								    : 1);
	fd = children_save(&children);
	assert_true(fd >= 0);
	assert_false(children_restore(&children, fd));
	assert_int_equal(children.n, 0);
	assert_int_equal(close(fd), 0);
}

/* kill(-1) would be for all processes there are, and kill(0) for our own group. */
static void
test_restore_unsound(void **state)
{
	(void)state;
	assert_refused(0, -1);
	assert_refused(0, 0);
	assert_refused(offsetof(struct child_entry, logged_in), 2);
	assert_refused(offsetof(struct child_entry, address), 'a');
}

static void
test_restore_wrong(void **state)
{
	int fds[2], fd = memfd_create("wrong", MFD_CLOEXEC);
	unsigned char octets;
	struct stat st;

	(void)state;
	children_add(&children, 101, "::1");
	assert_false(children_restore(&children, -1));
	assert_true(fd >= 0);
	assert_int_equal(write(fd, "odd", 3), 3);
	assert_false(children_restore(&children, fd));
	/* Entries without a head, as a program of another version left them. */
	assert_int_equal(pwrite(fd, children.entries, sizeof(struct child_entry), 0),
		sizeof(struct child_entry));
	assert_int_equal(ftruncate(fd, (off_t)sizeof(struct child_entry)), 0);
	assert_false(children_restore(&children, fd));
	assert_int_equal(close(fd), 0);
	fd = children_save(&children);
	assert_true(fd >= 0);
	assert_true(children_restore(&children, fd));
	assert_int_equal(fstat(fd, &st), 0);
	assert_int_equal(ftruncate(fd, st.st_size + 1), 0);
	assert_false(children_restore(&children, fd));
	/* Another size of an entry is another table. */
	assert_int_equal(ftruncate(fd, st.st_size), 0);
	assert_int_equal(pread(fd, &octets, 1, 24), 1);
	octets++;
	assert_int_equal(pwrite(fd, &octets, 1, 24), 1);
	assert_false(children_restore(&children, fd));
	assert_int_equal(close(fd), 0);
	assert_int_equal(children.n, 1);
	/* What cannot be read at a place has no table in it. */
	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	assert_int_equal(close(fds[1]), 0);
	assert_false(children_restore(&children, fds[0]));
	assert_int_equal(close(fds[0]), 0);
	assert_int_equal(children.n, 1);
}

static void
test_signal(void **state)
{
	pid_t pids[3];
	int status;

	(void)state;
	children_signal(&children, SIGTERM);
	for (size_t i = 0; i < 3; i++) {
		pids[i] = fork();
		if (pids[i] == 0) {
			(void)signal(SIGTERM, SIG_DFL);
			for (;;)
				(void)pause();
		}
		assert_true(pids[i] > 0);
		children_add(&children, pids[i], "::1");
	}
	/* One that was taken out is left alone. */
	assert_true(children_remove(&children, pids[0]));
	children_signal(&children, SIGTERM);
	for (size_t i = 1; i < 3; i++) {
		assert_int_equal(waitpid(pids[i], &status, 0), pids[i]);
		assert_true(WIFSIGNALED(status));
		assert_int_equal(WTERMSIG(status), SIGTERM);
	}
	assert_int_equal(waitpid(pids[0], &status, WNOHANG), 0);
	assert_int_equal(kill(pids[0], SIGKILL), 0);
	assert_int_equal(waitpid(pids[0], &status, 0), pids[0]);
	assert_int_equal(WTERMSIG(status), SIGKILL);
}

int
test_children(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_table, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_half_open_ones, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_full, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_long_address, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_save, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_save_none, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_restore_more, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_restore_wrong, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_restore_unsound, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_signal, set_up, tear_down),
	};

	return cmocka_run_group_tests_name("children", tests, NULL, NULL);
}
