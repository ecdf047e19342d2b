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

#define MBOX_IO_UNIT 4096u
#define MBOX_IO_BLOCK ((size_t)1024 * 1024)

/* A run of bytes in a file. */
struct mbox_piece {
	int fd;
	uint64_t offset;
	uint64_t length;
};

bool mbox_io_read(int fd, void *buf, size_t n, uint64_t offset);
bool mbox_io_write(int fd, const void *buf, size_t n, uint64_t offset);

/*
 * Write the n pieces, one behind the other, to fd from offset on, in blocks of
 * MBOX_IO_BLOCK.  A piece of fd itself must not begin before where it goes to.  With fd
 * -1 nothing is written.  sum, if not NULL, is fed what was read.  lock, if not NULL, is
 * kept fresh meanwhile.
 */
bool mbox_io_copy(const struct mbox_piece *pieces, size_t n, int fd, uint64_t offset,
	struct checksum *sum, struct delivery_lock *lock);

/*
 * From now on what is read from and written to fd goes past the page cache, if the file
 * system can do that: to make room there for what is written once, and read once, costs
 * several times what its transfer does.  Whatever fails this way is tried again through
 * the cache, and all that follows; a file system may ask for reads and writes that begin
 * and end at multiples of MBOX_IO_UNIT.
 */
void mbox_io_uncached(int fd);

/* True if it was otherwise.  errno stays as it is. */
bool mbox_io_cached(int fd);

/* The checksum of one piece; lock as before. */
bool mbox_io_checksum(struct mbox_piece piece, uint64_t seed,
	unsigned char sum[CHECKSUM_SIZE], struct delivery_lock *lock);

#endif
