#include "tests/unit/line_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "pop3d/clock.h"

void
reading_open(struct reading *r, enum wire_kind kind, bool read_ahead)
{
	wire_open(&r->wire, kind);
	memset(&r->reader, 0xa5, sizeof(r->reader));
	line_reader_init(&r->reader, &r->wire.stream, read_ahead);
}

void
reading_each_way(void (*run)(struct reading *r))
{
	for (unsigned way = 0; way < 2 * WIRE_KINDS; way++) {
		struct reading r;

		reading_open(&r, (enum wire_kind)(way / 2), way % 2 != 0);
		run(&r);
		wire_close(&r.wire);
	}
}

void
reading_send(struct reading *r, const char *text)
{
	wire_send(&r->wire, text, strlen(text));
}

void
reading_send_long(struct reading *r, size_t n, const char *end)
{
	char *line = malloc(n);
	size_t length = strlen(end);

	assert_non_null(line);
	assert_true(n >= length);
	memset(line, 'a', n);
	/* Text that would be a command, were its beginning lost. */
	if (n > LINE_COMMAND_MAX + 40)
		memcpy(line + LINE_COMMAND_MAX, "DELE 1", 6);
	memcpy(line + n - length, end, length);
	wire_send(&r->wire, line, n);
	free(line);
	reading_send(r, "NOOP\r\n");
}

enum line_status
reading_next(struct reading *r, char **text, size_t *n)
{
	return line_read(&r->reader, LINE_COMMAND_MAX, clock_after(0), text, n);
}

void
reading_expect(struct reading *r, const char *expected)
{
	char *text = NULL;
	size_t n = SIZE_MAX;

	assert_int_equal(reading_next(r, &text, &n), LINE_OK);
	assert_string_equal(text, expected);
	assert_int_equal(n, strlen(expected));
	/* With its line end, of one octet or two. */
	assert_true(r->reader.octets == n + 1 || r->reader.octets == n + 2);
}

void
reading_expect_status(struct reading *r, enum line_status expected)
{
	char *text;
	size_t n;

	assert_int_equal(reading_next(r, &text, &n), expected);
}
