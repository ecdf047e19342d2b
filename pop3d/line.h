/*
 * Command lines from the client (RFC 1939 section 3, RFC 2449 section 4).
 *
 * A line ends with LF, with or without CR before it.  An over-long line is swallowed to
 * its end and reported once, so that its tail is never taken for a command.
 */
#ifndef LINE_H
#define LINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "pop3d/stream.h"

/* RFC 2449 section 4: a server with CAPA takes commands of 255 octets with CRLF. */
#define LINE_COMMAND_MAX 255u
/* A bearer token of 64 KiB in base64, and the command before it. */
#define LINE_SASL_MAX 90112u
#define LINE_BUFFER LINE_SASL_MAX
#define LINE_READ_AHEAD 4096u /* octets taken at once */

enum line_status {
	LINE_OK = 0,
	LINE_TOO_LONG, /* swallowed; the next call reads the next line */
	LINE_INVALID,  /* holds a NUL or a CR that ends no line; swallowed too */
	LINE_EOF,
	LINE_TIMEOUT,
	LINE_ERROR,
	LINE_STOPPED,
	LINE_EXHAUSTED, /* more octets than `most` have come */
};

struct line_reader {
	struct stream *stream;
	bool read_ahead; /* false: never take an octet behind the line */
	bool skipping;   /* inside a line that was too long */
	size_t start;    /* unread octets are buf[start] to buf[start + n - 1] */
	size_t n;
	size_t touched; /* octets of buf that may hold something; the rest has no page */
	size_t octets;  /* of the last line, its end included */
	uint64_t total; /* octets read so far */
	uint64_t most;  /* of them; 0: no limit */
	char buf[LINE_BUFFER];
};

void line_reader_init(struct line_reader *reader, struct stream *stream, bool read_ahead);

/*
 * Read a line of at most `limit` octets (<= LINE_BUFFER, line end included).  *text is
 * borrowed until the next call, NUL-terminated in place of its line end; *n is its
 * length.
 */
enum line_status line_read(struct line_reader *reader, size_t limit, int64_t deadline,
	char **text, size_t *n);

/* True if a whole line is in the buffer already. */
bool line_is_ready(const struct line_reader *reader);

/* Overwrite the buffer, after a line that held a password. */
void line_wipe(struct line_reader *reader);

#endif
