#include "pop3d/ctl/writer.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

static bool
all_write(int fd, const unsigned char *p, size_t n)
{
	while (n > 0) {
		const ssize_t done = write(fd, p, n);

		if (done < 0 && errno == EINTR)
			continue;
		if (done == 0)
			errno = EIO;
		if (done <= 0)
			return false;
		p += done;
		n -= (size_t)done;
	}
	return true;
}

bool
writer_flush(struct writer *writer)
{
	const size_t n = writer->n;

	writer->n = 0;
	return all_write(writer->fd, writer->buffer, n);
}

bool
writer_put(void *cookie, const unsigned char *p, size_t n)
{
	struct writer *writer = cookie;

	if (n > sizeof(writer->buffer) - writer->n && !writer_flush(writer))
		return false;
	if (n > sizeof(writer->buffer))
		return all_write(writer->fd, p, n);
	memcpy(writer->buffer + writer->n, p, n);
	writer->n += n;
	return true;
}
