#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>

#include <cmocka.h>

#include "pop3d/output.h"
#include "tests/unit/tests.h"
#include "tests/unit/wire_fixture.h"

/* An output with a buffer of 16 octets. */
struct sink {
	struct wire wire;
	struct output output;
	unsigned char buf[16];
};

static int
set_up(void **state)
{
	static struct sink sink;

	wire_open(&sink.wire, WIRE_SOCKET);
	output_init(&sink.output, &sink.wire.stream, 1, sink.buf, sizeof(sink.buf));
	*state = &sink;
	return 0;
}

static int
tear_down(void **state)
{
	struct sink *sink = *state;

	wire_close(&sink->wire);
	return 0;
}

static void
test_init(void **state)
{
	struct sink *sink = *state;

	assert_int_equal(sink->output.status, STREAM_OK);
	assert_int_equal(sink->output.n, 0);
	assert_int_equal(output_flush(&sink->output), STREAM_OK);
	wire_expect(&sink->wire, "");
}

static void
test_buffered(void **state)
{
	struct sink *sink = *state;

	output_text(&sink->output, "one ");
	output_put(&sink->output, "two", 3);
	output_put(&sink->output, "", 0);
	wire_expect(&sink->wire, "");
	assert_int_equal(output_flush(&sink->output), STREAM_OK);
	wire_expect(&sink->wire, "one two");
	/* Not a second time. */
	assert_int_equal(output_flush(&sink->output), STREAM_OK);
	wire_expect(&sink->wire, "");
}

static void
test_overflow(void **state)
{
	struct sink *sink = *state;

	/* Exactly full: nothing need be sent yet. */
	output_text(&sink->output, "0123456789abcdef");
	wire_expect(&sink->wire, "");
	output_text(&sink->output, "g");
	wire_expect(&sink->wire, "0123456789abcdef");
	output_text(&sink->output, "hijklmnopqrstuvwxyz0123456789ABCDEFGHIJKLMNOP");
	assert_int_equal(output_flush(&sink->output), STREAM_OK);
	wire_expect(&sink->wire, "ghijklmnopqrstuvwxyz0123456789ABCDEFGHIJKLMNOP");
}

static void
test_every_size(void **state)
{
	static const char text[] = "the quick brown fox jumps over the lazy dog, twice, "
				   "and once more for the sake of length";
	struct sink *sink = *state;

	for (size_t size = 1; size < sizeof(text); size++) {
		for (size_t at = 0; at < sizeof(text) - 1; at += size) {
			size_t left = sizeof(text) - 1 - at;

			output_put(&sink->output, text + at, left < size ? left : size);
			assert_true(sink->output.n <= sink->output.cap);
		}
		assert_int_equal(output_flush(&sink->output), STREAM_OK);
		wire_expect(&sink->wire, text);
	}
}

static void
test_reserve(void **state)
{
	struct sink *sink = *state;

	output_text(&sink->output, "0123456789");
	output_reserve(&sink->output, 6);
	assert_int_equal(sink->output.n, 10);
	wire_expect(&sink->wire, "");
	output_reserve(&sink->output, 7);
	assert_int_equal(sink->output.n, 0);
	wire_expect(&sink->wire, "0123456789");
	memcpy(sink->output.buf, "filled", 6);
	sink->output.n = 6;
	output_reserve(&sink->output, sizeof(sink->buf));
	wire_expect(&sink->wire, "filled");
	output_reserve(&sink->output, sizeof(sink->buf));
	assert_int_equal(output_flush(&sink->output), STREAM_OK);
	wire_expect(&sink->wire, "");
}

/* After the first failure nothing more goes out, and it is remembered. */
static void
test_failure(void **state)
{
	struct sink *sink = *state;

	assert_int_equal(shutdown(sink->wire.stream.out, SHUT_WR), 0);
	output_text(&sink->output, "lost");
	assert_int_equal(sink->output.status, STREAM_OK);
	assert_int_equal(output_flush(&sink->output), STREAM_ERROR);
	for (unsigned i = 0; i < 100; i++) {
		output_text(&sink->output, "more than the buffer can hold at once");
		output_reserve(&sink->output, sizeof(sink->buf));
		output_reply(&sink->output, 1, NULL, "more");
	}
	assert_int_equal(sink->output.status, STREAM_ERROR);
	assert_int_equal(output_flush(&sink->output), STREAM_ERROR);
	wire_expect(&sink->wire, "");
}

static void
test_failure_sticks(void **state)
{
	struct sink *sink = *state;
	int out = sink->wire.stream.out;

	sink->wire.stream.out = -1;
	output_text(&sink->output, "lost");
	assert_int_equal(output_flush(&sink->output), STREAM_ERROR);
	/* What follows a gap would be taken for something else. */
	sink->wire.stream.out = out;
	output_text(&sink->output, "torn");
	assert_int_equal(output_flush(&sink->output), STREAM_ERROR);
	wire_expect(&sink->wire, "");
}

static void
expect_reply(struct sink *sink, int ok, const char *code, const char *text,
	const char *expected)
{
	output_reply(&sink->output, ok, code, text);
	assert_int_equal(output_flush(&sink->output), STREAM_OK);
	wire_expect(&sink->wire, expected);
}

static void
test_reply(void **state)
{
	struct sink *sink = *state;

	expect_reply(sink, 1, NULL, "2 320", "+OK 2 320\r\n");
	expect_reply(sink, 0, NULL, "No such message", "-ERR No such message\r\n");
	expect_reply(sink, 0, "IN-USE", "Maildrop is in use by another session",
		"-ERR [IN-USE] Maildrop is in use by another session\r\n");
	expect_reply(sink, 1, "X", "y", "+OK [X] y\r\n");
	expect_reply(sink, 1, NULL, "", "+OK \r\n");
	expect_reply(sink, 1, NULL, "100%s %n", "+OK 100%s %n\r\n");
}

/* RFC 2449 section 4: 512 octets with the CRLF, whatever the text. */
static void
test_reply_limit(void **state)
{
	struct sink *sink = *state;
	char text[1025], line[600];

	for (size_t length = 480; length < sizeof(text); length += length < 520 ? 1 : 100)
		for (unsigned way = 0; way < 2; way++) {
			const char *start = way == 0 ? "+OK " : "-ERR [SYS/PERM] ";
			size_t most = 512 - 2 - strlen(start), n;

			memset(text, 'x', length);
			text[length] = '\0';
			output_reply(&sink->output, way == 0,
				way == 0 ? NULL : "SYS/PERM", text);
			assert_int_equal(output_flush(&sink->output), STREAM_OK);
			n = wire_take(&sink->wire, line, sizeof(line));
			if (length < most)
				most = length;
			assert_int_equal(n, strlen(start) + most + 2);
			assert_memory_equal(line, start, strlen(start));
			assert_int_equal(strspn(text, "x"), length);
			assert_memory_equal(line + strlen(start), text, most);
			assert_memory_equal(line + n - 2, "\r\n", 2);
		}
}

int
test_output(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_init, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_buffered, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_overflow, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_every_size, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_reserve, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_failure, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_failure_sticks, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_reply, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_reply_limit, set_up, tear_down),
	};

	return cmocka_run_group_tests_name("output", tests, NULL, NULL);
}
