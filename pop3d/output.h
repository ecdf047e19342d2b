/*
 * Buffered output to the client.
 *
 * Failure sticks: after the first write that fails nothing more is sent, and the caller
 * may look at it when it suits.
 */
#ifndef OUTPUT_H
#define OUTPUT_H

#include <stddef.h>
#include <stdint.h>

#include "pop3d/stream.h"

struct output {
	struct stream *stream;
	uint64_t stall_seconds;
	enum stream_status status; /* of the first write that failed */
	unsigned char *buf;        /* the caller's memory */
	size_t cap;
	size_t n;
};

void output_init(struct output *output, struct stream *stream, uint64_t stall_seconds,
	unsigned char *buf, size_t cap);

/* Append; sends what does not fit. */
void output_put(struct output *output, const void *p, size_t n);
void output_text(struct output *output, const char *text);

/* Make room for at least n octets, n <= cap, for the caller to fill at buf + n. */
void output_reserve(struct output *output, size_t n);

/* Send all that is buffered; more follows at once. */
void output_push(struct output *output);

/* Send all that is buffered. */
enum stream_status output_flush(struct output *output);

/*
 * Append one reply line: "+OK " or "-ERR ", the response code in brackets if code is not
 * NULL (RFC 2449 section 8), the text, CRLF; at most 512 octets in all (section 4).
 */
void output_reply(struct output *output, int ok, const char *code, const char *text);

#endif
