/*
 * A line reader on a stream whose other end a unit test holds.  Every function fails the
 * test that calls it if it cannot do its work.
 */
#ifndef LINE_FIXTURE_H
#define LINE_FIXTURE_H

#include <stdbool.h>
#include <stddef.h>

#include "pop3d/line.h"
#include "tests/unit/wire_fixture.h"

struct reading {
	struct wire wire;
	struct line_reader reader;
};

void reading_open(struct reading *r, enum wire_kind kind, bool read_ahead);

/* Run one test on each kind of stream, in each way to read. */
void reading_each_way(void (*run)(struct reading *r));

void reading_send(struct reading *r, const char *text);

/* A line of n octets, its end included, then one that must be served: NOOP. */
void reading_send_long(struct reading *r, size_t n, const char *end);

/* The next line within LINE_COMMAND_MAX; does not wait. */
enum line_status reading_next(struct reading *r, char **text, size_t *n);

void reading_expect(struct reading *r, const char *expected);
void reading_expect_status(struct reading *r, enum line_status expected);

#endif
