/*
 * Whole reads and writes at an offset, for files larger than memory.  All return false
 * with errno set; ENODATA says that a file ended early, ECANCELED that the session lock
 * is lost.
 */
#ifndef MBOX_IO_H
#define MBOX_IO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "mailstore/checksum.h"
#include "mailstore/delivery_lock.h"

/* A run of bytes in a file. */
struct mbox_piece {
	int fd;
	uint64_t offset;
	uint64_t length;
};

bool mbox_io_read(int fd, void *buf, size_t n, uint64_t offset);
bool mbox_io_write(int fd, const void *buf, size_t n, uint64_t offset);

/*
 * Write the n pieces, one behind the other, to fd from offset on, with a buffer of fixed
 * size.  A piece of fd itself must not begin before where it goes to.  With fd -1
 * nothing is written.  sum, if not NULL, is fed what was read.  lock, if not NULL, is
 * kept fresh meanwhile.
 */
bool mbox_io_copy(const struct mbox_piece *pieces, size_t n, int fd, uint64_t offset,
	struct checksum *sum, struct delivery_lock *lock);

/* The checksum of one piece; lock as before. */
bool mbox_io_checksum(struct mbox_piece piece, uint64_t seed,
	unsigned char sum[CHECKSUM_SIZE], struct delivery_lock *lock);

#endif
