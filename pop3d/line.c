#include "pop3d/line.h"

#include <string.h>

void
line_reader_init(struct line_reader *reader, struct stream *stream, bool read_ahead)
{
	reader->stream = stream;
	reader->read_ahead = read_ahead;
	reader->skipping = false;
	reader->start = 0;
	reader->n = 0;
	reader->touched = 0;
	reader->octets = 0;
	reader->total = 0;
	reader->most = 0;
}

static char *
find_end(const struct line_reader *reader)
{
	char *at = (char *)(uintptr_t)reader->buf + reader->start;

	return reader->n > 0 ? memchr(at, '\n', reader->n) : NULL;
}

bool
line_is_ready(const struct line_reader *reader)
{
	return find_end(reader) != NULL;
}

static void
drop(struct line_reader *reader, size_t n)
{
	reader->start += n;
	reader->n -= n;
	if (reader->n == 0)
		reader->start = 0;
}

/* The line of n octets, LF included, that stands at the start. */
static enum line_status
take_line(struct line_reader *reader, size_t n, size_t limit, char **text, size_t *length)
{
	char *line = reader->buf + reader->start;
	bool skipped = reader->skipping;

	reader->skipping = false;
	reader->octets = n;
	drop(reader, n);
	if (skipped || n > limit)
		return LINE_TOO_LONG;
	line[--n] = '\0';
	if (n > 0 && line[n - 1] == '\r')
		line[--n] = '\0';
	if (memchr(line, '\0', n) != NULL || memchr(line, '\r', n) != NULL)
		return LINE_INVALID;
	*text = line;
	*length = n;
	return LINE_OK;
}

static enum stream_status
fill(struct line_reader *reader, int64_t deadline)
{
	enum stream_status status;
	size_t got, room;
	char *end;

	if (reader->start > 0) {
		memmove(reader->buf, reader->buf + reader->start, reader->n);
		reader->start = 0;
	}
	end = reader->buf + reader->n;
	room = sizeof(reader->buf) - reader->n;
	if (reader->read_ahead)
		status = stream_read(reader->stream, end,
			room < LINE_READ_AHEAD ? room : LINE_READ_AHEAD, deadline, &got);
	else
		status = stream_read_line_part(reader->stream, end, room, deadline, &got);
	if (status == STREAM_OK) {
		reader->n += got;
		reader->total += got;
		if (reader->touched < reader->n)
			reader->touched = reader->n;
	}
	return status;
}

static enum line_status
line_status_of(enum stream_status status)
{
	switch (status) {
	case STREAM_TIMEOUT:
		return LINE_TIMEOUT;
	case STREAM_STOPPED:
		return LINE_STOPPED;
	case STREAM_EOF:
		return LINE_EOF;
	case STREAM_OK:
	case STREAM_ERROR:
		break;
	}
	return LINE_ERROR;
}

enum line_status
line_read(struct line_reader *reader, size_t limit, int64_t deadline, char **text,
	size_t *n)
{
	for (;;) {
		char *end = find_end(reader);
		if (end != NULL) {
			size_t length = (size_t)(end - (reader->buf + reader->start)) + 1;
			return take_line(reader, length, limit, text, n);
		}
		/* No end in sight: what is here cannot become a line, so it need not be
		 * kept. */
		if (reader->skipping || reader->n >= limit) {
			reader->skipping = true;
			drop(reader, reader->n);
		}
		enum stream_status status = fill(reader, deadline);
		if (status != STREAM_OK)
			return line_status_of(status);
		if (reader->most != 0 && reader->total > reader->most)
			return LINE_EXHAUSTED;
	}
}

void
line_wipe(struct line_reader *reader)
{
	/* What was read ahead is still to be served. */
	if (reader->n > 0)
		return;
	explicit_bzero(reader->buf, reader->touched);
	reader->touched = 0;
}
