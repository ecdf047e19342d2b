/*
 * Reads a file as what it is once decompressed.
 *
 * The first bytes of a file tell whether it is compressed, never its name; what tells
 * gzip (RFC 1952) and zstd (RFC 8878) cannot be the beginning of a message (RFC 5322
 * section 2.2).  A plain file goes straight into the caller's buffer, one read for each
 * chunk, and costs no memory.  Files of several members or frames are one text.
 */
#ifndef DECODER_H
#define DECODER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum decoder_status {
	DECODER_OK = 0,
	DECODER_ERRNO,       /* errno says what: the file could not be read, no memory */
	DECODER_SHRANK,      /* the file ended before its size */
	DECODER_DAMAGED,     /* cut short, changed, or with something else behind it */
	DECODER_UNSUPPORTED, /* another kind of compression, or more memory than is sane
			      */
	DECODER_LARGE,       /* larger than max */
};

struct decoder_stream;

struct decoder {
	int fd;        /* borrowed; its position is never used */
	uint64_t size; /* stored bytes, at most what is read of the file */
	uint64_t at;   /* stored bytes read so far */
	uint64_t room; /* how much more a compressed file may hold */
	struct decoder_stream *stream; /* NULL: plain */
	enum decoder_status status;    /* a failure stays */
	int error;                     /* errno of DECODER_ERRNO */
	bool begun;
};

/*
 * Begin at the start of a file of `size` bytes.  max: octets that a compressed one may
 * have once it is decompressed, 0 for any number.  Reads nothing yet and cannot fail.
 */
void decoder_open(struct decoder *d, int fd, uint64_t size, uint64_t max);

/*
 * Up to cap > 0 bytes of text; *n is 0 at the end, and after a failure.  Text that was
 * read before a failure may be wrong: whoever passed it on must say that it is torn.
 */
enum decoder_status decoder_read(struct decoder *d, void *buf, size_t cap, size_t *n);

/* Free memory; the file stays open. */
void decoder_close(struct decoder *d);

/* What is wrong with a file, for the log, if it is not DECODER_OK or DECODER_ERRNO. */
const char *decoder_problem(enum decoder_status status);

/* DECODER_HEAD bytes, or all there are, tell the kind of compression. */
#define DECODER_HEAD 16u

/* Its name, NULL if what begins with these n bytes is not compressed. */
const char *decoder_format(const unsigned char *p, size_t n);

#endif
