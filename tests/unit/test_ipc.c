#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "pop3d/ipc.h"
#include "tests/unit/tests.h"

static int fds[2];
static struct ipc_message message;

static int
set_up(void **state)
{
	(void)state;
	return ipc_pair(fds) ? 0 : -1;
}

static int
tear_down(void **state)
{
	(void)state;
	for (size_t i = 0; i < 2; i++)
		if (fds[i] >= 0)
			(void)close(fds[i]);
	return 0;
}

/* Send raw octets and take them as a message, with rubbish from the one before in it. */
static int
receive_raw(const void *p, size_t n)
{
	memset(&message, 0xa5, sizeof(message));
	assert_int_equal(send(fds[0], p, n, MSG_DONTWAIT), n);
	return ipc_receive(fds[1], &message);
}

static void
test_pair(void **state)
{
	int type = 0;
	socklen_t n = sizeof(type);

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		assert_true((fcntl(fds[i], F_GETFD) & FD_CLOEXEC) != 0);
		assert_int_equal(getsockopt(fds[i], SOL_SOCKET, SO_TYPE, &type, &n), 0);
		assert_int_equal(type, SOCK_SEQPACKET);
	}
}

static void
test_round_trip(void **state)
{
	static const unsigned char bytes[] = "a\0b\xff\n";
	const unsigned char *p;
	char text[16];
	size_t n;

	(void)state;
	ipc_begin(&message, IPC_STEP);
	ipc_put_number(&message, 0);
	ipc_put_number(&message, UINT32_MAX);
	ipc_put_bytes(&message, bytes, sizeof(bytes));
	ipc_put_text(&message, "text");
	ipc_put_text(&message, "");
	ipc_put_bytes(&message, bytes, 0);
	assert_true(ipc_send(fds[0], &message));
	memset(&message, 0xa5, sizeof(message));
	assert_int_equal(ipc_receive(fds[1], &message), 1);
	assert_int_equal(ipc_type(&message), IPC_STEP);
	assert_false(ipc_end(&message));
	assert_int_equal(ipc_get_number(&message), 0);
	assert_int_equal(ipc_get_number(&message), UINT32_MAX);
	p = ipc_get_bytes(&message, &n);
	assert_int_equal(n, sizeof(bytes));
	assert_memory_equal(p, bytes, n);
	ipc_get_text(&message, text, sizeof(text));
	assert_string_equal(text, "text");
	ipc_get_text(&message, text, sizeof(text));
	assert_string_equal(text, "");
	assert_false(ipc_end(&message));
	p = ipc_get_bytes(&message, &n);
	assert_non_null(p);
	assert_int_equal(n, 0);
	assert_true(ipc_end(&message));
}

static void
test_only_a_type(void **state)
{
	(void)state;
	assert_int_equal(receive_raw("\x03", 1), 1);
	assert_int_equal(ipc_type(&message), IPC_BYE);
	assert_true(ipc_end(&message));
	assert_int_equal(receive_raw("\xff", 1), 1);
	assert_int_equal(ipc_type(&message), 0xff);
	assert_int_equal(receive_raw("\0", 1), 1);
	assert_int_equal(ipc_type(&message), 0);
}

/* A getter that fails says so at the end, and so do all that follow it. */
static void
expect_bad_number(const void *p, size_t n)
{
	assert_int_equal(receive_raw(p, n), 1);
	assert_int_equal(ipc_get_number(&message), 0);
	assert_false(ipc_end(&message));
	assert_int_equal(ipc_get_number(&message), 0);
	assert_false(ipc_end(&message));
}

static void
test_short_number(void **state)
{
	static const unsigned char raw[] = {IPC_AUTH, 1, 1, 1};

	(void)state;
	for (size_t n = 1; n <= sizeof(raw); n++)
		expect_bad_number(raw, n);
}

static void
expect_bad_bytes(const void *p, size_t n)
{
	char text[8] = "before";
	size_t length = 99;

	assert_int_equal(receive_raw(p, n), 1);
	assert_null(ipc_get_bytes(&message, &length));
	assert_int_equal(length, 0);
	assert_false(ipc_end(&message));
	assert_int_equal(receive_raw(p, n), 1);
	ipc_get_text(&message, text, sizeof(text));
	assert_string_equal(text, "");
	assert_false(ipc_end(&message));
	/* Nothing that comes later heals it. */
	assert_int_equal(ipc_get_number(&message), 0);
	ipc_get_text(&message, text, sizeof(text));
	assert_string_equal(text, "");
	assert_null(ipc_get_bytes(&message, &length));
	assert_false(ipc_end(&message));
}

/* A length that goes beyond the end, by one or by as much as there is. */
static void
test_bad_length(void **state)
{
	static const uint32_t lengths[] = {4, 5, 100, IPC_MAX - 5, IPC_MAX, IPC_MAX + 1,
		INT32_MAX, (uint32_t)INT32_MAX + 1, UINT32_MAX - 8, UINT32_MAX};
	unsigned char raw[8] = {IPC_LOG, 0, 0, 0, 0, 'a', 'b', 'c'};

	(void)state;
	for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
		memcpy(raw + 1, &lengths[i], 4);
		expect_bad_bytes(raw, sizeof(raw));
	}
	/* The length itself is cut. */
	for (size_t n = 1; n < 5; n++)
		expect_bad_bytes(raw, n);
}

static void
test_left_over(void **state)
{
	unsigned char raw[9] = {IPC_LOG, 0, 0, 0, 0, 'a', 'b', 'c', 'x'};
	uint32_t n = 3;
	size_t length;

	(void)state;
	memcpy(raw + 1, &n, 4);
	assert_int_equal(receive_raw(raw, 8), 1);
	assert_memory_equal(ipc_get_bytes(&message, &length), "abc", 3);
	assert_int_equal(length, 3);
	assert_true(ipc_end(&message));
	assert_int_equal(receive_raw(raw, 9), 1);
	(void)ipc_get_bytes(&message, &length);
	assert_int_equal(length, 3);
	assert_false(ipc_end(&message));
}

static void
test_text(void **state)
{
	unsigned char raw[8] = {IPC_LOG, 0, 0, 0, 0, 'a', 'b', 'c'};
	uint32_t n = 3;
	char text[4] = "xyz";

	(void)state;
	memcpy(raw + 1, &n, 4);
	assert_int_equal(receive_raw(raw, sizeof(raw)), 1);
	ipc_get_text(&message, text, 4);
	assert_string_equal(text, "abc");
	assert_true(ipc_end(&message));
	/* No room for the NUL. */
	for (size_t size = 1; size < 4; size++) {
		memset(text, 'z', sizeof(text));
		assert_int_equal(receive_raw(raw, sizeof(raw)), 1);
		ipc_get_text(&message, text, size);
		assert_string_equal(text, "");
		assert_int_equal(text[3], 'z');
		assert_false(ipc_end(&message));
	}
	for (size_t i = 5; i < 8; i++) {
		unsigned char holed[8];

		memcpy(holed, raw, sizeof(holed));
		holed[i] = '\0';
		assert_int_equal(receive_raw(holed, sizeof(holed)), 1);
		ipc_get_text(&message, text, sizeof(text));
		assert_string_equal(text, "");
		assert_false(ipc_end(&message));
	}
}

/* As large as a message can be, and one octet more. */
static void
test_too_long(void **state)
{
	static unsigned char raw[IPC_MAX + 1];
	const uint32_t n = IPC_MAX - 5;
	size_t length;

	(void)state;
	raw[0] = IPC_LOG;
	memcpy(raw + 1, &n, 4);
	assert_int_equal(receive_raw(raw, IPC_MAX), 1);
	assert_non_null(ipc_get_bytes(&message, &length));
	assert_int_equal(length, n);
	assert_true(ipc_end(&message));
	assert_int_equal(receive_raw(raw, IPC_MAX + 1), -1);
	assert_false(ipc_end(&message));
	/* The one behind it is whole. */
	assert_int_equal(receive_raw(raw, 1), 1);
	assert_true(ipc_end(&message));
}

static void
test_put_too_much(void **state)
{
	static const unsigned char bytes[IPC_MAX + 1];

	(void)state;
	for (size_t n = IPC_MAX - 6; n <= IPC_MAX + 1; n++) {
		ipc_begin(&message, IPC_STEP);
		ipc_put_bytes(&message, bytes, n);
		assert_int_equal(ipc_send(fds[0], &message), n <= IPC_MAX - 5);
		if (n <= IPC_MAX - 5)
			assert_int_equal(ipc_receive(fds[1], &message), 1);
	}
	ipc_begin(&message, IPC_STEP);
	for (size_t n = 1; n + 4 <= IPC_MAX; n += 4)
		ipc_put_number(&message, 7);
	assert_false(message.bad);
	ipc_put_number(&message, 7);
	assert_false(ipc_send(fds[0], &message));
	/* Something small fits still, but the message is spoilt. */
	ipc_put_text(&message, "");
	assert_false(ipc_send(fds[0], &message));
	ipc_begin(&message, IPC_STEP);
	assert_true(ipc_send(fds[0], &message));
}

static void
test_peer_gone(void **state)
{
	(void)state;
	ipc_begin(&message, IPC_BYE);
	assert_true(ipc_send(fds[0], &message));
	assert_int_equal(close(fds[0]), 0);
	fds[0] = -1;
	/* What was sent before is there still. */
	assert_int_equal(ipc_receive(fds[1], &message), 1);
	assert_int_equal(ipc_receive(fds[1], &message), 0);
	assert_false(ipc_end(&message));
	ipc_begin(&message, IPC_BYE);
	assert_false(ipc_send(fds[1], &message));
}

/* It leaves with a message of ours unread, and the last word is its own. */
static void
test_peer_reset(void **state)
{
	(void)state;
	ipc_begin(&message, IPC_RESULT);
	assert_true(ipc_send(fds[1], &message));
	ipc_begin(&message, IPC_BYE);
	assert_true(ipc_send(fds[0], &message));
	assert_int_equal(close(fds[0]), 0);
	fds[0] = -1;
	assert_int_equal(ipc_receive(fds[1], &message), 1);
	assert_int_equal(ipc_type(&message), IPC_BYE);
	assert_int_equal(ipc_receive(fds[1], &message), 0);
}

static void
test_no_channel(void **state)
{
	(void)state;
	ipc_begin(&message, IPC_BYE);
	assert_false(ipc_send(-1, &message));
	assert_int_equal(ipc_receive(-1, &message), -1);
}

/* A message without an octet has not even a type. */
static void
test_empty(void **state)
{
	(void)state;
	assert_true(receive_raw("", 0) <= 0);
	assert_false(ipc_end(&message));
}

static void
test_wipe(void **state)
{
	(void)state;
	memset(&message, 0, sizeof(message));
	ipc_begin(&message, IPC_STEP);
	ipc_put_number(&message, 1);
	ipc_put_text(&message, "secret");
	ipc_wipe(&message);
	assert_null(memmem(message.data, sizeof(message.data), "secret", 6));
}

static void
test_full_queue(void **state)
{
	bool sent = true;

	(void)state;
	for (unsigned i = 0; i < 100000 && sent; i++) {
		ipc_begin(&message, IPC_LOG);
		sent = ipc_send(fds[0], &message);
	}
	assert_false(sent);
}

int
test_ipc(void)
{
#define CHANNEL_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		CHANNEL_TEST(test_pair),
		CHANNEL_TEST(test_round_trip),
		CHANNEL_TEST(test_only_a_type),
		CHANNEL_TEST(test_short_number),
		CHANNEL_TEST(test_bad_length),
		CHANNEL_TEST(test_left_over),
		CHANNEL_TEST(test_text),
		CHANNEL_TEST(test_too_long),
		CHANNEL_TEST(test_put_too_much),
		CHANNEL_TEST(test_peer_gone),
		CHANNEL_TEST(test_peer_reset),
		CHANNEL_TEST(test_no_channel),
		CHANNEL_TEST(test_empty),
		CHANNEL_TEST(test_wipe),
		CHANNEL_TEST(test_full_queue),
	};
#undef CHANNEL_TEST

	return cmocka_run_group_tests_name("ipc", tests, NULL, NULL);
}
