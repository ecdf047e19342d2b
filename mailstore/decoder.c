#include "mailstore/decoder.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "mailstore/decoder_codec.h"

#define INPUT_SIZE 32768u

struct decoder_stream {
	const struct decoder_codec *codec;
	void *state;
	bool in_part; /* a member or frame has begun and not ended */
	size_t at;    /* where in input the bytes begin that are not consumed */
	size_t n;     /* how many they are */
	unsigned char input[INPUT_SIZE];
};

static const struct format {
	const char *name;
	const struct decoder_codec *codec; /* NULL: known, so that it is not taken for
					      text, but not supported */
	const char *magic;
	size_t n;
} formats[] = {
	{"gzip", &decoder_gzip, "\x1f\x8b\x08", 3},
	{"zstd", &decoder_zstd, "\x28\xb5\x2f\xfd", 4},
	/* What other servers write, too. */
	{"xz", NULL, "\xfd\x37\x7a\x58\x5a", 6},
	{"lz4", NULL, "Dovecot-LZ4\x0d\x2a\x9b\xc5", 15},
};

/* A digit stands between the two, and a file without text has another second half. */
static bool
is_bzip2(const unsigned char *p, size_t n)
{
	return n >= 10 && memcmp(p, "BZh", 3) == 0 && p[3] >= '1' && p[3] <= '9' &&
	       (memcmp(p + 4, "\x31\x41\x59\x26\x53\x59", 6) == 0 ||
		       memcmp(p + 4, "\x17\x72\x45\x38\x50\x90", 6) == 0);
}

/* A file of two bytes or more that was cut within its magic is of that kind as well. */
static const struct format *
find_format(const unsigned char *p, size_t n)
{
	static const struct format bzip2 = {"bzip2", NULL, NULL, 0};

	for (size_t i = 0; i < sizeof(formats) / sizeof(formats[0]); i++) {
		const struct format *f = &formats[i];

		if (n >= f->n ? memcmp(p, f->magic, f->n) == 0
			      : n > 1 && f->codec != NULL && memcmp(p, f->magic, n) == 0)
			return f;
	}
	return is_bzip2(p, n) ? &bzip2 : NULL;
}

const char *
decoder_format(const unsigned char *p, size_t n)
{
	const struct format *format = find_format(p, n);

	return format != NULL ? format->name : NULL;
}

const char *
decoder_problem(enum decoder_status status)
{
	switch (status) {
	case DECODER_SHRANK:
		return "shrank while it was read";
	case DECODER_DAMAGED:
		return "the compressed data is damaged";
	case DECODER_UNSUPPORTED:
		return "compressed in a way that is not supported";
	case DECODER_LARGE:
		return "too large once it is decompressed";
	case DECODER_OK:
	case DECODER_ERRNO:
		break;
	}
	return "cannot be read";
}

void
decoder_open(struct decoder *d, int fd, uint64_t size, uint64_t max)
{
	*d = (struct decoder){
		.fd = fd, .size = size, .room = max != 0 ? max : UINT64_MAX};
}

/* Up to cap bytes at an offset; none only where `size` ends. */
static enum decoder_status
read_at(const struct decoder *d, uint64_t at, unsigned char *buf, size_t cap, size_t *n)
{
	ssize_t got;

	*n = 0;
	if (at == d->size)
		return DECODER_OK;
	if (cap > d->size - at)
		cap = (size_t)(d->size - at);
	do
		got = pread(d->fd, buf, cap, (off_t)at);
	while (got < 0 && errno == EINTR);
	if (got <= 0)
		return got == 0 ? DECODER_SHRANK : DECODER_ERRNO;
	*n = (size_t)got;
	return DECODER_OK;
}

static enum decoder_status
read_stored(struct decoder *d, unsigned char *buf, size_t cap, size_t *n)
{
	const enum decoder_status status = read_at(d, d->at, buf, cap, n);

	d->at += *n;
	return status;
}

/* See that there are `want` bytes of input, or all that are left. */
static enum decoder_status
fill(struct decoder *d, size_t want)
{
	struct decoder_stream *s = d->stream;
	enum decoder_status status = DECODER_OK;
	size_t got;

	if (s->n >= want)
		return DECODER_OK;
	memmove(s->input, s->input + s->at, s->n);
	s->at = 0;
	while (s->n < want && d->at < d->size && status == DECODER_OK) {
		status = read_stored(d, s->input + s->n, INPUT_SIZE - s->n, &got);
		s->n += got;
	}
	return status;
}

/* Decompress a bit: as far as there is input, or room, or one member or frame. */
static enum decoder_status
step(struct decoder *d, struct codec_output *out)
{
	struct decoder_stream *s = d->stream;
	const size_t room = out->n;
	struct codec_input in;
	enum decoder_status status;
	bool whole, idle;

	status = fill(d, s->in_part ? 1 : CODEC_HEAD);
	if (status != DECODER_OK)
		return status;
	in = (struct codec_input){s->input + s->at, s->n};
	if (!s->in_part && !s->codec->begin(s->state, in.p, in.n))
		return DECODER_DAMAGED;
	status = s->codec->run(s->state, &in, out, &whole);
	idle = in.n == s->n && out->n == room;
	s->at += s->n - in.n;
	s->n = in.n;
	s->in_part = !whole;
	/* Nothing comes of it, and there is room: it wants input after the last. */
	return status == DECODER_OK && idle && !whole ? DECODER_DAMAGED : status;
}

static enum decoder_status
read_stream(struct decoder *d, unsigned char *buf, size_t cap, size_t *n)
{
	const struct decoder_stream *s = d->stream;
	struct codec_output out = {buf, cap};
	enum decoder_status status = DECODER_OK;

	while (status == DECODER_OK && out.n > 0 &&
		(s->in_part || s->n > 0 || d->at < d->size))
		status = step(d, &out);
	if (status == DECODER_OK && cap - out.n > d->room)
		status = DECODER_LARGE;
	if (status != DECODER_OK)
		return status;
	*n = cap - out.n;
	d->room -= *n;
	return DECODER_OK;
}

static enum decoder_status
stream_new(struct decoder *d, const struct decoder_codec *codec)
{
	/* The input need not be zeroed. */
	struct decoder_stream *s = malloc(sizeof(*s));

	if (s == NULL)
		return DECODER_ERRNO;
	s->codec = codec;
	s->in_part = false;
	s->at = s->n = 0;
	s->state = codec->open();
	if (s->state == NULL) {
		free(s);
		errno = ENOMEM;
		return DECODER_ERRNO;
	}
	d->stream = s;
	d->at = 0;
	return DECODER_OK;
}

/*
 * The first chunk goes into the caller's buffer, as all others of a plain file will.  It
 * is read once more if it turns out to be compressed.
 */
static enum decoder_status
begin(struct decoder *d, unsigned char *buf, size_t cap, size_t *n)
{
	enum decoder_status status = read_stored(d, buf, cap, n);
	unsigned char head[DECODER_HEAD];
	size_t have = *n < DECODER_HEAD ? *n : DECODER_HEAD, got;
	const struct format *format;

	if (have > 0)
		memcpy(head, buf, have);
	while (status == DECODER_OK && have < DECODER_HEAD && have < d->size) {
		status = read_at(d, have, head + have, DECODER_HEAD - have, &got);
		have += got;
	}
	if (status != DECODER_OK)
		return status;
	d->begun = true;
	format = find_format(head, have);
	if (format == NULL)
		return DECODER_OK;
	*n = 0;
	if (format->codec == NULL)
		return DECODER_UNSUPPORTED;
	status = stream_new(d, format->codec);
	return status == DECODER_OK ? read_stream(d, buf, cap, n) : status;
}

enum decoder_status
decoder_read(struct decoder *d, void *buf, size_t cap, size_t *n)
{
	*n = 0;
	if (d->status == DECODER_OK) {
		if (!d->begun)
			d->status = begin(d, buf, cap, n);
		else if (d->stream == NULL)
			d->status = read_stored(d, buf, cap, n);
		else
			d->status = read_stream(d, buf, cap, n);
		d->error = errno;
	}
	if (d->status != DECODER_OK) {
		*n = 0;
		errno = d->error;
	}
	return d->status;
}

void
decoder_close(struct decoder *d)
{
	if (d->stream == NULL)
		return;
	d->stream->codec->close(d->stream->state);
	free(d->stream);
	d->stream = NULL;
}
