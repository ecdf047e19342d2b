#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "pop3d/gate.h"
#include "tests/unit/tests.h"

static struct children children;
static int channel[2];

static int
set_up(void **state)
{
	(void)state;
	return ipc_pair(channel) && children_init(&children, 8) ? 0 : -1;
}

static int
tear_down(void **state)
{
	(void)state;
	free(children.entries);
	(void)close(channel[0]);
	(void)close(channel[1]);
	return 0;
}

/* What a monitor, here a child, gets as an answer. */
static bool
ask(const char *peer, bool known, uint64_t most)
{
	struct service service = {.gate = channel[1]};
	struct connection connection = {.service = &service};
	int status = -1;
	pid_t pid;

	assert_true(address_of_text(&connection.peer, peer, 1));
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0)
		_exit(gate_ask(&connection) ? 0 : 1);
	if (known)
		children_add(&children, pid, "127.0.0.1");
	gate_answer(channel[0], &children, most);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status) == 0;
}

static void
test_the_limit(void **state)
{
	(void)state;
	assert_true(ask("192.0.2.1", true, 2));
	assert_true(ask("192.0.2.1", true, 2));
	assert_false(ask("192.0.2.1", true, 2));
	assert_true(ask("192.0.2.2", true, 2));
	/* One customer of IPv6 has a whole network. */
	assert_true(ask("2001:db8::1", true, 1));
	assert_false(ask("2001:db8::2", true, 1));
	assert_int_equal(children_from(&children, "127.0.0.1"), 0);
	assert_int_equal(children_from(&children, "192.0.2.1"), 3);
}

static void
test_strangers(void **state)
{
	(void)state;
	assert_false(ask("192.0.2.1", false, 9));
	assert_int_equal(children.n, 0);
}

static void
test_logged_in(void **state)
{
	const struct service service = {.gate = channel[1]};
	struct ipc_message message;

	(void)state;
	children_add(&children, getpid(), "192.0.2.1");
	children_add(&children, getpid() + 1, "192.0.2.1");
	gate_logged_in(&service);
	assert_int_equal(children_half_open(&children), 2);
	gate_answer(channel[0], &children, 1);
	assert_int_equal(children_half_open(&children), 1);
	assert_false(children.entries[1].logged_in);
	/* What is no such message changes nothing. */
	ipc_begin(&message, IPC_LOGGED_IN);
	assert_true(ipc_send(channel[1], &message));
	gate_answer(channel[0], &children, 1);
	ipc_begin(&message, IPC_ADDRESS);
	ipc_put_number(&message, (uint32_t)getpid() + 1);
	ipc_put_text(&message, "192.0.2.2");
	assert_true(ipc_send(channel[1], &message));
	gate_answer(channel[0], &children, 1);
	assert_int_equal(children_half_open(&children), 1);
	assert_string_equal(children.entries[1].address, "192.0.2.1");
}

/* A listener that is gone, or that there never was, keeps nobody waiting. */
static void
test_logged_in_alone(void **state)
{
	struct service service = {.gate = -1};

	(void)state;
	gate_logged_in(&service);
	service.gate = channel[1];
	assert_int_equal(close(channel[0]), 0);
	gate_logged_in(&service);
}

static void
test_without_a_listener(void **state)
{
	struct service service = {.gate = -1};
	struct connection connection = {.service = &service};

	(void)state;
	assert_true(gate_ask(&connection));
	/* One that has executed itself anew had let the connection in. */
	service.gate = channel[1];
	assert_int_equal(close(channel[0]), 0);
	assert_true(gate_ask(&connection));
}

int
test_gate(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_the_limit, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_strangers, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_logged_in, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_logged_in_alone, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			test_without_a_listener, set_up, tear_down),
	};

	return cmocka_run_group_tests_name("gate", tests, NULL, NULL);
}
