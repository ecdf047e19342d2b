#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "pop3d/clock.h"
#include "pop3d/line.h"
#include "tests/unit/line_fixture.h"
#include "tests/unit/tests.h"

static void
run_limit(struct reading *r)
{
	static const char *const ends[] = {"\r\n", "\n"};

	for (size_t i = 0; i < 2; i++)
		for (size_t n = LINE_COMMAND_MAX - 2; n <= LINE_COMMAND_MAX; n++) {
			char *text = NULL;
			size_t length = 0;

			reading_send_long(r, n, ends[i]);
			assert_int_equal(reading_next(r, &text, &length), LINE_OK);
			assert_int_equal(length, n - strlen(ends[i]));
			assert_int_equal(strlen(text), length);
			reading_expect(r, "NOOP");
		}
	for (size_t i = 0; i < 2; i++) {
		static const size_t sizes[] = {
			256, 257, 258, 300, 511, 512, 4095, 4096, 4097, 8192, 8193, 9999};

		for (size_t j = 0; j < sizeof(sizes) / sizeof(sizes[0]); j++) {
			reading_send_long(r, sizes[j], ends[i]);
			/* Once, and the tail is never a line of its own. */
			reading_expect_status(r, LINE_TOO_LONG);
			reading_expect(r, "NOOP");
			reading_expect_status(r, LINE_TIMEOUT);
		}
	}
}

static void
test_limit(void **state)
{
	(void)state;
	reading_each_way(run_limit);
}

/* The limit is the caller's. */
static void
run_other_limit(struct reading *r)
{
	char *text;
	size_t n;

	reading_send(r, "1234567\n12345678\n123456\r\n1234567\r\n");
	assert_int_equal(line_read(&r->reader, 8, clock_after(0), &text, &n), LINE_OK);
	assert_int_equal(n, 7);
	assert_int_equal(
		line_read(&r->reader, 8, clock_after(0), &text, &n), LINE_TOO_LONG);
	assert_int_equal(line_read(&r->reader, 8, clock_after(0), &text, &n), LINE_OK);
	assert_int_equal(n, 6);
	assert_int_equal(
		line_read(&r->reader, 8, clock_after(0), &text, &n), LINE_TOO_LONG);
	for (size_t i = 0; i < 2; i++) {
		static const size_t limits[] = {4096, LINE_SASL_MAX};
		size_t limit = limits[i];

		reading_send_long(r, limit, "\n");
		assert_int_equal(
			line_read(&r->reader, limit, clock_after(0), &text, &n), LINE_OK);
		assert_int_equal(n, limit - 1);
		assert_int_equal(r->reader.octets, limit);
		reading_expect(r, "NOOP");
		reading_send_long(r, limit + 1, "\n");
		assert_int_equal(line_read(&r->reader, limit, clock_after(0), &text, &n),
			LINE_TOO_LONG);
		reading_expect(r, "NOOP");
	}
}

static void
test_other_limit(void **state)
{
	(void)state;
	reading_each_way(run_other_limit);
}

/* It comes slowly: no part of it is a line, and the report comes at its end. */
static void
run_slow_long(struct reading *r)
{
	char part[100];

	memset(part, 'b', sizeof(part));
	for (size_t i = 0; i < 100; i++) {
		wire_send(&r->wire, part, sizeof(part));
		reading_expect_status(r, LINE_TIMEOUT);
	}
	reading_send(r, "\nSTAT\n");
	reading_expect_status(r, LINE_TOO_LONG);
	reading_expect(r, "STAT");
	/* One octet too many, and its end comes alone. */
	for (size_t i = 0; i < LINE_COMMAND_MAX; i++) {
		reading_send(r, "c");
		reading_expect_status(r, LINE_TIMEOUT);
	}
	reading_send(r, "\n");
	reading_expect_status(r, LINE_TOO_LONG);
	reading_send(r, "NOOP\n");
	reading_expect(r, "NOOP");
}

static void
test_slow_long(void **state)
{
	(void)state;
	reading_each_way(run_slow_long);
}

/* Of all lines together, whether they end or not. */
static void
run_total(struct reading *r)
{
	char part[100];

	memset(part, 'e', sizeof(part));
	r->reader.most = 6 + 300;
	reading_send(r, "NOOP\r\n");
	reading_expect(r, "NOOP");
	for (size_t i = 0; i < 3; i++) {
		wire_send(&r->wire, part, sizeof(part));
		reading_expect_status(r, LINE_TIMEOUT);
	}
	reading_send(r, "e");
	reading_expect_status(r, LINE_EXHAUSTED);
}

/* One that takes over goes on from what there was. */
static void
run_total_goes_on(struct reading *r)
{
	r->reader.total = 95;
	r->reader.most = 100;
	reading_send(r, "A\r\n");
	reading_expect(r, "A");
	assert_int_equal(r->reader.total, 98);
	reading_send(r, "ABC");
	reading_expect_status(r, LINE_EXHAUSTED);
}

static void
test_total(void **state)
{
	(void)state;
	reading_each_way(run_total);
	reading_each_way(run_total_goes_on);
}

static void
run_eof_in_long(struct reading *r)
{
	char part[1000];

	memset(part, 'd', sizeof(part));
	wire_send(&r->wire, part, sizeof(part));
	wire_hang_up(&r->wire);
	reading_expect_status(r, LINE_EOF);
}

static void
test_eof(void **state)
{
	(void)state;
	reading_each_way(run_eof_in_long);
}

/* More commands in one go than the buffer holds. */
static void
run_pipeline(struct reading *r)
{
	static const char command[] = "RETR 1234567\r\n";
	const size_t n = sizeof(command) - 1;
	char *all = malloc(3000 * n);

	assert_non_null(all);
	for (unsigned i = 0; i < 3000; i++)
		memcpy(all + i * n, command, n);
	wire_send(&r->wire, all, 3000 * n);
	free(all);
	for (unsigned i = 0; i < 3000; i++)
		reading_expect(r, "RETR 1234567");
	reading_expect_status(r, LINE_TIMEOUT);
}

static void
test_pipeline(void **state)
{
	(void)state;
	reading_each_way(run_pipeline);
}

int
test_line_limit(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_limit),
		cmocka_unit_test(test_other_limit),
		cmocka_unit_test(test_slow_long),
		cmocka_unit_test(test_total),
		cmocka_unit_test(test_eof),
		cmocka_unit_test(test_pipeline),
	};

	return cmocka_run_group_tests_name("line_limit", tests, NULL, NULL);
}
