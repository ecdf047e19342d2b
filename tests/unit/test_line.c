#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "pop3d/clock.h"
#include "pop3d/line.h"
#include "tests/unit/line_fixture.h"
#include "tests/unit/tests.h"

static void
run_ends(struct reading *r)
{
	reading_send(r, "NOOP\r\nSTAT\n\r\n\nUSER \xc3\xa9 \tx\r\nlast");
	reading_expect(r, "NOOP");
	reading_expect(r, "STAT");
	reading_expect(r, "");
	reading_expect(r, "");
	reading_expect(r, "USER \xc3\xa9 \tx");
	reading_expect_status(r, LINE_TIMEOUT);
}

static void
test_ends(void **state)
{
	(void)state;
	reading_each_way(run_ends);
}

/* A stream of all that can be wrong, cut in two at each place. */
static const char mixed[] =
	"CAPA\r\nx\ry\r\nSTAT\n\r\r\nUIDL 1\r\n\0\r\nnul \0 nul\nQUIT\r\n";
static const struct {
	enum line_status status;
	const char *text;
} mixed_lines[] = {
	{LINE_OK, "CAPA"},
	{LINE_INVALID, NULL},
	{LINE_OK, "STAT"},
	{LINE_INVALID, NULL},
	{LINE_OK, "UIDL 1"},
	{LINE_INVALID, NULL},
	{LINE_INVALID, NULL},
	{LINE_OK, "QUIT"},
};

#define MIXED_LINES (sizeof(mixed_lines) / sizeof(mixed_lines[0]))

/* Read all that is there; returns how many lines it was. */
static size_t
read_mixed(struct reading *r, size_t first)
{
	for (size_t i = first;; i++) {
		char *text = NULL;
		size_t n = 0;
		enum line_status status = reading_next(r, &text, &n);

		if (status == LINE_TIMEOUT)
			return i;
		assert_true(i < MIXED_LINES);
		assert_int_equal(status, mixed_lines[i].status);
		if (status == LINE_OK) {
			assert_string_equal(text, mixed_lines[i].text);
			assert_int_equal(n, strlen(text));
		}
	}
}

static void
test_splits(void **state)
{
	const size_t length = sizeof(mixed) - 1;

	(void)state;
	for (unsigned way = 0; way < 2 * WIRE_KINDS; way++)
		for (size_t split = 0; split <= length; split++) {
			struct reading r;
			size_t lines;

			reading_open(&r, (enum wire_kind)(way / 2), way % 2 != 0);
			wire_send(&r.wire, mixed, split);
			lines = read_mixed(&r, 0);
			wire_send(&r.wire, mixed + split, length - split);
			assert_int_equal(read_mixed(&r, lines), MIXED_LINES);
			wire_close(&r.wire);
		}
}

static void
run_octets(struct reading *r)
{
	size_t lines = 0;

	for (size_t i = 0; i < sizeof(mixed) - 1; i++) {
		wire_send(&r->wire, mixed + i, 1);
		lines = read_mixed(r, lines);
	}
	assert_int_equal(lines, MIXED_LINES);
}

static void
test_octet_by_octet(void **state)
{
	(void)state;
	reading_each_way(run_octets);
}

static void
run_eof(struct reading *r)
{
	reading_send(r, "QUIT\r\nDELE 1");
	wire_hang_up(&r->wire);
	reading_expect(r, "QUIT");
	/* What was cut is no command. */
	reading_expect_status(r, LINE_EOF);
	reading_expect_status(r, LINE_EOF);
}

static void
test_eof(void **state)
{
	(void)state;
	reading_each_way(run_eof);
}

static void
run_stopped(struct reading *r)
{
	volatile sig_atomic_t stop = 0;

	r->wire.stream.stop = &stop;
	reading_send(r, "NOOP\nha");
	reading_expect(r, "NOOP");
	stop = 1;
	reading_expect_status(r, LINE_STOPPED);
}

static void
test_stopped(void **state)
{
	(void)state;
	reading_each_way(run_stopped);
}

static void
test_error(void **state)
{
	struct reading r;

	(void)state;
	reading_open(&r, WIRE_SOCKET, true);
	r.wire.stream.in = -1;
	reading_expect_status(&r, LINE_TIMEOUT);
	r.wire.stream.in = 1023;
	reading_expect_status(&r, LINE_ERROR);
	r.wire.stream.in = r.wire.stream.out;
	wire_close(&r.wire);
}

/* Whoever takes the stream over finds all that the client sent behind the line. */
static void
test_exact(void **state)
{
	static const char rest[] = "STAT\r\nsecret\r\n\0\xff";

	(void)state;
	for (unsigned kind = 0; kind < WIRE_KINDS; kind++) {
		struct reading r;
		char left[64];

		reading_open(&r, (enum wire_kind)kind, false);
		reading_send(&r, "PASS x\r\n");
		wire_send(&r.wire, rest, sizeof(rest));
		reading_expect(&r, "PASS x");
		assert_int_equal(r.reader.n, 0);
		assert_false(line_is_ready(&r.reader));
		assert_int_equal(wire_unread(&r.wire), sizeof(rest));
		assert_int_equal(
			read(r.wire.stream.in, left, sizeof(left)), sizeof(rest));
		assert_memory_equal(left, rest, sizeof(rest));
		/* Neither behind a line that was too long, nor one that was invalid. */
		reading_send_long(&r, 5000, "\n");
		reading_expect_status(&r, LINE_TOO_LONG);
		assert_int_equal(wire_unread(&r.wire), 6);
		reading_expect(&r, "NOOP");
		wire_send(&r.wire, "\0\nQUIT\n", 7);
		reading_expect_status(&r, LINE_INVALID);
		assert_int_equal(wire_unread(&r.wire), 5);
		wire_close(&r.wire);
	}
}

static void
test_ready(void **state)
{
	(void)state;
	for (unsigned kind = 0; kind < WIRE_KINDS; kind++) {
		struct reading r;

		reading_open(&r, (enum wire_kind)kind, true);
		assert_false(line_is_ready(&r.reader));
		reading_send(&r, "RETR 1\r\nRETR 2\r\nRET");
		assert_false(line_is_ready(&r.reader));
		reading_expect(&r, "RETR 1");
		assert_true(line_is_ready(&r.reader));
		reading_expect(&r, "RETR 2");
		assert_false(line_is_ready(&r.reader));
		reading_send(&r, "R 3\n\n");
		reading_expect(&r, "RETR 3");
		assert_true(line_is_ready(&r.reader));
		reading_expect(&r, "");
		assert_false(line_is_ready(&r.reader));
		wire_close(&r.wire);
	}
}

static void
test_wipe(void **state)
{
	(void)state;
	for (unsigned read_ahead = 0; read_ahead < 2; read_ahead++) {
		struct reading r;

		reading_open(&r, WIRE_SOCKET, read_ahead != 0);
		reading_send(&r, "PASS secret\r\n");
		reading_expect(&r, "PASS secret");
		line_wipe(&r.reader);
		assert_null(memmem(r.reader.buf, sizeof(r.reader.buf), "secret", 6));
		reading_send(&r, "NOOP secret of some length\r\n");
		reading_expect(&r, "NOOP secret of some length");
		reading_send(&r, "a\r\n");
		reading_expect(&r, "a");
		line_wipe(&r.reader);
		assert_null(memmem(r.reader.buf, sizeof(r.reader.buf), "length", 6));
		/* What was read ahead is still served. */
		reading_send(&r, "PASS x\r\nSTAT\r\nNO");
		reading_expect(&r, "PASS x");
		line_wipe(&r.reader);
		reading_expect(&r, "STAT");
		reading_send(&r, "OP\r\n");
		reading_expect(&r, "NOOP");
		wire_close(&r.wire);
	}
}

int
test_line(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ends),
		cmocka_unit_test(test_splits),
		cmocka_unit_test(test_octet_by_octet),
		cmocka_unit_test(test_eof),
		cmocka_unit_test(test_stopped),
		cmocka_unit_test(test_error),
		cmocka_unit_test(test_exact),
		cmocka_unit_test(test_ready),
		cmocka_unit_test(test_wipe),
	};

	return cmocka_run_group_tests_name("line", tests, NULL, NULL);
}
