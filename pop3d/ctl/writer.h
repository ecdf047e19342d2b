/*
 * Writing a file of any size through a buffer.
 */
#ifndef CTL_WRITER_H
#define CTL_WRITER_H

#include <stdbool.h>
#include <stddef.h>

#define WRITER_SIZE ((size_t)128 * 1024)

/* Start with zeroed memory, and fd. */
struct writer {
	int fd;
	size_t n;
	unsigned char buffer[WRITER_SIZE];
};

/* False with errno.  cookie is a struct writer. */
bool writer_put(void *cookie, const unsigned char *p, size_t n);

/* Write what is in the buffer. */
bool writer_flush(struct writer *writer);

#endif
