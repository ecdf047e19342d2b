#include "pop3d/output.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#define REPLY_MAX 512

void
output_init(struct output *output, struct stream *stream, uint64_t stall_seconds,
	unsigned char *buf, size_t cap)
{
	output->stream = stream;
	output->stall_seconds = stall_seconds;
	output->status = STREAM_OK;
	output->buf = buf;
	output->cap = cap;
	output->n = 0;
}

static void
send_buffer(struct output *output, bool more)
{
	if (output->status == STREAM_OK && output->n > 0)
		output->status = stream_write(output->stream, output->buf, output->n,
			output->stall_seconds, more);
	output->n = 0;
}

void
output_push(struct output *output)
{
	send_buffer(output, true);
}

void
output_reserve(struct output *output, size_t n)
{
	if (output->cap - output->n < n)
		send_buffer(output, true);
}

void
output_put(struct output *output, const void *p, size_t n)
{
	const unsigned char *at = p;

	while (n > 0) {
		size_t part = output->cap - output->n;
		if (part > n)
			part = n;
		memcpy(output->buf + output->n, at, part);
		output->n += part;
		at += part;
		n -= part;
		if (n > 0)
			send_buffer(output, true);
	}
}

void
output_text(struct output *output, const char *text)
{
	output_put(output, text, strlen(text));
}

enum stream_status
output_flush(struct output *output)
{
	send_buffer(output, false);
	return output->status;
}

void
output_reply(struct output *output, int ok, const char *code, const char *text)
{
	char line[REPLY_MAX + 1];
	int n = snprintf(line, sizeof(line) - 2, "%s%s%s%s%s", ok ? "+OK " : "-ERR ",
		code != NULL ? "[" : "", code != NULL ? code : "",
		code != NULL ? "] " : "", text);
	size_t length = n < 0 ? 0 : (size_t)n;

	if (length > REPLY_MAX - 2)
		length = REPLY_MAX - 2;
	memcpy(line + length, "\r\n", 2);
	output_put(output, line, length + 2);
}
