#include "mailstore/mbox_io.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

void
mbox_io_uncached(int fd)
{
	const int flags = fcntl(fd, F_GETFL);

	if (flags != -1)
		(void)fcntl(fd, F_SETFL, flags | O_DIRECT);
}

bool
mbox_io_cached(int fd)
{
	const int error = errno, flags = fcntl(fd, F_GETFL);
	const bool was_not = flags != -1 && (flags & O_DIRECT) != 0 &&
			     fcntl(fd, F_SETFL, flags & ~O_DIRECT) == 0;

	errno = error;
	return was_not;
}

bool
mbox_io_read(int fd, void *buf, size_t n, uint64_t offset)
{
	unsigned char *p = buf;

	while (n > 0) {
		ssize_t got = pread(fd, p, n, (off_t)offset);

		if (got < 0 && (errno == EINTR || mbox_io_cached(fd)))
			continue;
		if (got == 0)
			errno = ENODATA;
		if (got <= 0)
			return false;
		p += got;
		n -= (size_t)got;
		offset += (uint64_t)got;
	}
	return true;
}

bool
mbox_io_write(int fd, const void *buf, size_t n, uint64_t offset)
{
	const unsigned char *p = buf;

	while (n > 0) {
		ssize_t put = pwrite(fd, p, n, (off_t)offset);

		if (put < 0 && (errno == EINTR || mbox_io_cached(fd)))
			continue;
		if (put == 0)
			errno = EIO;
		if (put <= 0)
			return false;
		p += put;
		n -= (size_t)put;
		offset += (uint64_t)put;
	}
	return true;
}

/* What is copied, on its way. */
struct copy {
	int fd; /* where it goes to, at offset; -1: nowhere */
	uint64_t offset;
	struct checksum *sum;
	struct delivery_lock *lock;
	unsigned char *block;
	size_t used;
};

static bool
keep_lock(struct copy *copy)
{
	if (delivery_lock_refresh(copy->lock))
		return true;
	errno = ECANCELED;
	return false;
}

static bool
block_flush(struct copy *copy)
{
	if (copy->sum != NULL)
		checksum_add(copy->sum, copy->block, copy->used);
	/* Right before the write: the process may have slept until now. */
	if (!keep_lock(copy))
		return false;
	if (copy->fd != -1 &&
		!mbox_io_write(copy->fd, copy->block, copy->used, copy->offset))
		return false;
	copy->offset += copy->used;
	copy->used = 0;
	return true;
}

static bool
piece_copy(struct copy *copy, struct mbox_piece piece)
{
	while (piece.length > 0) {
		const size_t room = MBOX_IO_BLOCK - copy->used;
		const size_t n = piece.length < room ? (size_t)piece.length : room;

		/* A block may be many small reads of a slow disk. */
		if (!mbox_io_read(piece.fd, copy->block + copy->used, n, piece.offset) ||
			!keep_lock(copy))
			return false;
		copy->used += n;
		piece.offset += n;
		piece.length -= n;
		if (copy->used == MBOX_IO_BLOCK && !block_flush(copy))
			return false;
	}
	return true;
}

bool
mbox_io_copy(const struct mbox_piece *pieces, size_t n, int fd, uint64_t offset,
	struct checksum *sum, struct delivery_lock *lock)
{
	struct copy copy = {.fd = fd,
		.offset = offset,
		.sum = sum,
		.lock = lock,
		.block = aligned_alloc(MBOX_IO_UNIT, MBOX_IO_BLOCK)};
	bool ok = copy.block != NULL;
	int error;

	for (size_t i = 0; ok && i < n; i++)
		ok = piece_copy(&copy, pieces[i]);
	ok = ok && (copy.used == 0 || block_flush(&copy));
	error = errno;
	free(copy.block);
	errno = error;
	return ok;
}

bool
mbox_io_checksum(struct mbox_piece piece, uint64_t seed, unsigned char sum[CHECKSUM_SIZE],
	struct delivery_lock *lock)
{
	struct checksum *checksum = checksum_new();
	bool ok = checksum != NULL;
	int error;

	if (ok) {
		checksum_begin(checksum, seed);
		ok = mbox_io_copy(&piece, 1, -1, 0, checksum, lock);
	}
	if (ok)
		checksum_end(checksum, sum);
	error = errno;
	checksum_free(checksum);
	errno = error;
	return ok;
}
