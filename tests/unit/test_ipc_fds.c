#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "pop3d/descriptors.h"
#include "pop3d/ipc_fds.h"
#include "tests/unit/tests.h"

static int channel[2];
static struct ipc_message message;

static int
set_up(void **state)
{
	(void)state;
	return ipc_pair(channel) ? 0 : -1;
}

static int
tear_down(void **state)
{
	(void)state;
	(void)close(channel[0]);
	(void)close(channel[1]);
	return 0;
}

/* How many descriptors this process has: none may be left behind. */
static int
count_open(void)
{
	int n = 0;

	for (int fd = 0; fd < 256; fd++)
		n += fcntl(fd, F_GETFD) >= 0 ? 1 : 0;
	return n;
}

static bool
send_n(size_t n)
{
	const int fds[IPC_FDS_MAX] = {0, 1, 2, channel[0]};

	ipc_begin(&message, IPC_RELAY);
	ipc_put_number(&message, 4711);
	return ipc_send_fds(channel[0], &message, fds, n);
}

static void
test_they_arrive(void **state)
{
	int fds[IPC_FDS_MAX];
	int before = count_open();

	(void)state;
	assert_true(send_n(IPC_FDS_MAX));
	assert_int_equal(ipc_receive_fds(channel[1], &message, fds, IPC_FDS_MAX), 1);
	assert_int_equal(ipc_type(&message), IPC_RELAY);
	assert_int_equal(ipc_get_number(&message), 4711);
	assert_true(ipc_end(&message));
	assert_true(descriptors_are_same(fds[3], channel[0]));
	for (size_t i = 0; i < IPC_FDS_MAX; i++) {
		assert_true((fcntl(fds[i], F_GETFD) & FD_CLOEXEC) != 0);
		assert_int_equal(close(fds[i]), 0);
	}
	assert_int_equal(count_open(), before);
}

static void
test_another_number_is_refused_and_closed(void **state)
{
	int fds[IPC_FDS_MAX];
	int before = count_open();

	(void)state;
	for (size_t sent = 1; sent <= IPC_FDS_MAX; sent++)
		for (size_t wanted = 1; wanted <= IPC_FDS_MAX; wanted++) {
			if (sent == wanted)
				continue;
			assert_true(send_n(sent));
			assert_int_equal(
				ipc_receive_fds(channel[1], &message, fds, wanted), -1);
			assert_int_equal(count_open(), before);
		}
	ipc_begin(&message, IPC_RELAY);
	assert_true(ipc_send(channel[0], &message));
	assert_int_equal(ipc_receive_fds(channel[1], &message, fds, 1), -1);
}

/* Up to as many as the caller has room for. */
static void
test_some(void **state)
{
	int fds[IPC_FDS_MAX];
	int before = count_open();
	size_t n = 2;

	(void)state;
	ipc_begin(&message, IPC_RELAY);
	assert_true(ipc_send(channel[0], &message));
	assert_int_equal(ipc_receive_some_fds(channel[1], &message, fds, &n), 1);
	assert_int_equal(n, 0);
	for (size_t sent = 1; sent <= 2; sent++) {
		assert_true(send_n(sent));
		n = 2;
		assert_int_equal(ipc_receive_some_fds(channel[1], &message, fds, &n), 1);
		assert_int_equal(n, sent);
		while (n > 0)
			assert_int_equal(close(fds[--n]), 0);
	}
	assert_true(send_n(3));
	n = 2;
	assert_int_equal(ipc_receive_some_fds(channel[1], &message, fds, &n), -1);
	assert_int_equal(count_open(), before);
}

static void
test_ends(void **state)
{
	int fds[1];

	(void)state;
	assert_false(send_n(IPC_FDS_MAX + 1));
	assert_int_equal(shutdown(channel[0], SHUT_WR), 0);
	assert_int_equal(ipc_receive_fds(channel[1], &message, fds, 1), 0);
	assert_int_equal(close(channel[1]), 0);
	channel[1] = -1;
	assert_false(send_n(1));
}

/* It leaves with a message of ours unread, and the last word is its own. */
static void
test_reset(void **state)
{
	int fds[1];

	(void)state;
	ipc_begin(&message, IPC_STEP);
	assert_true(ipc_send(channel[1], &message));
	assert_true(send_n(1));
	assert_int_equal(close(channel[0]), 0);
	channel[0] = -1;
	assert_int_equal(ipc_receive_fds(channel[1], &message, fds, 1), 1);
	assert_int_equal(close(fds[0]), 0);
	assert_int_equal(ipc_receive_fds(channel[1], &message, fds, 1), 0);
}

int
test_ipc_fds(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_they_arrive, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			test_another_number_is_refused_and_closed, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_some, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_ends, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_reset, set_up, tear_down),
	};

	return cmocka_run_group_tests_name("ipc_fds", tests, NULL, NULL);
}
