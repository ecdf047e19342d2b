#include "pop3d/multiline.h"

#include <string.h>

#include "mailstore/processor.h"
#include "pop3d/multiline_avx2.h"

/* Copy the part of one line that fits, without its LF. */
static size_t
copy_text(struct multiline *m, const unsigned char *p, size_t n, unsigned char *out)
{
	if (n == 0)
		return 0;
	memcpy(out, p, n);
	m->in_line = true;
	m->after_cr = p[n - 1] == '\r';
	return n;
}

static size_t
end_line(struct multiline *m, unsigned char *out)
{
	size_t n = 0;

	if (!m->after_cr)
		out[n++] = '\r';
	out[n++] = '\n';
	m->in_line = false;
	m->after_cr = false;
	return n;
}

size_t
multiline_encode_portable(struct multiline *m, const unsigned char *p, size_t n,
	size_t *used, unsigned char *out, size_t cap)
{
	size_t in = 0, written = 0, stuffed = 0;

	while (in < n && cap - written >= MULTILINE_GROWTH) {
		const unsigned char *end = memchr(p + in, '\n', n - in);
		size_t text = end != NULL ? (size_t)(end - (p + in)) : n - in;

		if (!m->in_line && p[in] == '.') {
			out[written++] = '.';
			stuffed++;
		}
		size_t part = text < cap - written ? text : cap - written;
		written += copy_text(m, p + in, part, out + written);
		in += part;
		if (end == NULL || part < text || cap - written < MULTILINE_GROWTH)
			continue;
		written += end_line(m, out + written);
		in++;
	}
	*used = in;
	m->octets += written - stuffed;
	return written;
}

size_t
multiline_encode(struct multiline *m, const unsigned char *p, size_t n, size_t *used,
	unsigned char *out, size_t cap)
{
	size_t taken = 0, written = 0;

#if defined(PROCESSOR_X86)
	if (processor_has_avx2())
		written = multiline_encode_avx2(m, p, n, &taken, out, cap);
#endif
	written += multiline_encode_portable(
		m, p + taken, n - taken, used, out + written, cap - written);
	*used += taken;
	return written;
}

uint64_t
multiline_octets(const struct multiline *m)
{
	return m->octets + (m->in_line ? 2 : 0);
}

size_t
multiline_finish(const struct multiline *m, unsigned char *out)
{
	if (m->in_line) {
		memcpy(out, "\r\n.\r\n", 5);
		return 5;
	}
	memcpy(out, ".\r\n", 3);
	return 3;
}

void
multiline_put(struct multiline *m, struct output *output, const void *p, size_t n)
{
	const unsigned char *at = p;

	while (n > 0) {
		size_t used;

		output_reserve(output, MULTILINE_GROWTH);
		output->n += multiline_encode(m, at, n, &used, output->buf + output->n,
			output->cap - output->n);
		at += used;
		n -= used;
	}
}

void
multiline_close(const struct multiline *m, struct output *output)
{
	/* In one piece: some clients stumble over an end that two packets share. */
	output_reserve(output, MULTILINE_FINISH);
	output->n += multiline_finish(m, output->buf + output->n);
}
