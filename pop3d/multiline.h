/*
 * The encoder of multi-line replies (RFC 1939 section 3): every line end becomes CRLF, a
 * line that begins with '.' gets one more, the last line is ended if it is not, and a
 * line of one '.' closes.  A CR that is not followed by LF is passed on as it is.
 */
#ifndef MULTILINE_H
#define MULTILINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "pop3d/output.h"

/* Start with zeroed memory. */
struct multiline {
	bool in_line; /* the last octet was not LF */
	bool after_cr;
	uint64_t octets; /* written so far, without stuffing */
};

/* What one octet can grow to, and what multiline_finish() may write. */
#define MULTILINE_GROWTH 2u
#define MULTILINE_FINISH 5u

/*
 * Encode up to n octets into out, which has room for cap >= MULTILINE_GROWTH.  Returns
 * how many were written; *used is how many were taken.
 */
size_t multiline_encode(struct multiline *m, const unsigned char *p, size_t n,
	size_t *used, unsigned char *out, size_t cap);

/* The same without AVX2, for tests. */
size_t multiline_encode_portable(struct multiline *m, const unsigned char *p, size_t n,
	size_t *used, unsigned char *out, size_t cap);

/* What LIST must have said of a message that is wholly encoded. */
uint64_t multiline_octets(const struct multiline *m);

/* The end of the reply, at most MULTILINE_FINISH octets. */
size_t multiline_finish(const struct multiline *m, unsigned char *out);

/* The same into an output buffer, whose size must be at least MULTILINE_FINISH. */
void multiline_put(struct multiline *m, struct output *output, const void *p, size_t n);
void multiline_close(const struct multiline *m, struct output *output);

#endif
