/*
 * A stream whose other end a unit test holds.  Every function fails the test that calls
 * it if it cannot do its work.
 */
#ifndef WIRE_FIXTURE_H
#define WIRE_FIXTURE_H

#include <stddef.h>

#include "pop3d/stream.h"

enum wire_kind {
	WIRE_SOCKET,
	WIRE_PIPES,
	WIRE_KINDS, /* how many can be looped over; what follows is not as prompt */
	WIRE_TCP,
};

struct wire {
	struct stream stream;
	int to;   /* what is written here the stream reads; -1: hung up */
	int from; /* what the stream has written */
};

void wire_open(struct wire *wire, enum wire_kind kind);
void wire_close(struct wire *wire);

void wire_send(struct wire *wire, const void *p, size_t n);

/* Nothing more will come to the stream; what it writes can still be read. */
void wire_hang_up(struct wire *wire);

/* How much the stream has not read yet. */
size_t wire_unread(const struct wire *wire);

/* What the stream has written so far, cap octets at most; never waits. */
size_t wire_take(struct wire *wire, void *buf, size_t cap);

/* It must be this text and nothing else. */
void wire_expect(struct wire *wire, const char *text);

#endif
