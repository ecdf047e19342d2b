/*
 * Lines from a client, cut into pieces as the input says.  However they arrive, and
 * whatever the stream is, they are the lines that a loop over the whole text finds; the
 * reader that must not read ahead leaves all that stands behind a line.
 */
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "pop3d/clock.h"
#include "pop3d/line.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Less than any socket or pipe holds. */
#define TEXT_MAX 8192u
#define PIECES 32u /* after so many the rest comes at once */

struct text {
	const char *p;
	size_t n;
	size_t at; /* where the next line begins */
};

static void
check(bool good)
{
	if (!good)
		abort();
}

/* The next line of the text; its end must be there.  *line is without the line end. */
static enum line_status
next_line(struct text *text, const char **line, size_t *n)
{
	size_t start = text->at, end;

	while (text->p[text->at] != '\n')
		text->at++;
	end = text->at++;
	*line = text->p + start;
	if (text->at - start > LINE_COMMAND_MAX)
		return LINE_TOO_LONG;
	if (end > start && text->p[end - 1] == '\r')
		end--;
	*n = end - start;
	for (size_t i = 0; i < *n; i++)
		if ((*line)[i] == '\0' || (*line)[i] == '\r')
			return LINE_INVALID;
	return LINE_OK;
}

/* Read each line that has arrived by now, sent octets of the text. */
static void
read_lines(struct line_reader *reader, struct text *text, size_t sent)
{
	for (;;) {
		const char *expected;
		char *line = NULL;
		size_t n = 0, length;
		bool more = memchr(text->p + text->at, '\n', sent - text->at) != NULL;
		enum line_status status =
			line_read(reader, LINE_COMMAND_MAX, clock_after(0), &line, &n);

		if (!more) {
			check(status == LINE_TIMEOUT);
			return;
		}
		check(status == next_line(text, &expected, &length));
		if (status == LINE_OK) {
			check(n == length && memcmp(line, expected, n) == 0);
			check(line[n] == '\0');
			check(reader->octets == (size_t)(text->p + text->at - expected));
		}
		if (reader->read_ahead) {
			/* What is ready is a line; what is not may be in the stream. */
			check(!line_is_ready(reader) || memchr(text->p + text->at, '\n',
								sent - text->at) != NULL);
		} else {
			int left = -1;

			check(ioctl(reader->stream->in, FIONREAD, &left) == 0);
			check(left >= 0 && (size_t)left == sent - text->at);
			check(!line_is_ready(reader));
		}
	}
}

static void
open_stream(bool pipes, struct stream *stream, int *to)
{
	int fds[2];

	if (pipes)
		check(pipe2(fds, O_CLOEXEC) == 0);
	else
		check(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) == 0);
	stream_init(stream, fds[0], pipes ? STDERR_FILENO : fds[0]);
	*to = fds[1];
}

/* Octets 0 to 2 say how, the rest is what the client sends. */
int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct line_reader reader;
	struct stream stream;
	struct text text = {0};
	unsigned seed;
	size_t sent = 0, pieces = 0;
	char *line;
	int to;

	if (size < 3 || size > TEXT_MAX)
		return 0;
	open_stream((data[0] & 1) != 0, &stream, &to);
	line_reader_init(&reader, &stream, (data[0] & 2) != 0);
	seed = data[1];
	text.p = (const char *)data + 3;
	text.n = size - 3;
	while (sent < text.n) {
		size_t piece = 1 + (seed >> 8) % (1 + data[2] * (size_t)64);

		seed = seed * 1103515245u + 12345u;
		if (piece > text.n - sent || pieces++ == PIECES)
			piece = text.n - sent;
		check(write(to, text.p + sent, piece) == (ssize_t)piece);
		sent += piece;
		read_lines(&reader, &text, sent);
	}
	check(close(to) == 0);
	check(line_read(&reader, LINE_COMMAND_MAX, CLOCK_NEVER, &line, &sent) ==
		LINE_EOF);
	check(close(stream.in) == 0);
	return 0;
}
