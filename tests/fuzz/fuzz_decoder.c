/*
 * The decoder: however large the pieces are that a file is read in, the text is the same,
 * never more than it may be, and of a plain file what the file is.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "mailstore/decoder.h"

/* Small texts are many: what a limit of a mebibyte finds, this one does. */
#define MAX 65536u
#define PIECES 2000u /* that a text is read in */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
check(int right)
{
	if (!right)
		abort();
}

/* text has room for MAX and cap; *n is how much came before the end or a failure. */
static enum decoder_status
decode(int fd, size_t size, size_t cap, unsigned char *text, size_t *n)
{
	enum decoder_status status;
	struct decoder d;
	size_t piece;

	*n = 0;
	decoder_open(&d, fd, size, MAX);
	do {
		status = decoder_read(&d, text + *n, cap, &piece);
		check(piece <= cap && (status == DECODER_OK || piece == 0));
		*n += piece;
		check(*n <= MAX || *n <= size);
	} while (piece > 0);
	decoder_close(&d);
	check(status != DECODER_SHRANK);
	return status;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const size_t caps[] = {1, 7, 1000};
	static unsigned char first[2 * MAX], other[2 * MAX];
	const int fd = memfd_create("fuzz", MFD_CLOEXEC);
	enum decoder_status status;
	size_t n, m;

	if (size > MAX)
		size = MAX;
	check(fd >= 0 && write(fd, data, size) == (ssize_t)size);
	status = decode(fd, size, 65536, first, &n);
	if (decoder_format(data, size) == NULL)
		check(status == DECODER_OK && n == size && memcmp(first, data, n) == 0);
	for (size_t i = 0; i < sizeof(caps) / sizeof(caps[0]); i++) {
		enum decoder_status again;

		/* One octet at a time takes long where there are many. */
		if (n / caps[i] > PIECES)
			continue;
		again = decode(fd, size, caps[i], other, &m);
		check((again == DECODER_OK) == (status == DECODER_OK));
		check(status != DECODER_OK || m == n);
		check(memcmp(first, other, m < n ? m : n) == 0);
	}
	(void)close(fd);
	return 0;
}
