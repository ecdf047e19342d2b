#include "mailstore/mbox_io.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "mailstore/block.h"

#define COPY_SIZE ((size_t)256 * 1024)

bool
mbox_io_read(int fd, void *buf, size_t n, uint64_t offset)
{
	unsigned char *p = buf;

	while (n > 0) {
		ssize_t got = pread(fd, p, n, (off_t)offset);

		if (got < 0 && errno == EINTR)
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

		if (put < 0 && errno == EINTR)
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

static bool
piece_copy(struct mbox_piece piece, int fd, uint64_t offset, struct checksum *sum,
	struct delivery_lock *lock, unsigned char *buf)
{
	while (piece.length > 0) {
		size_t n = piece.length < COPY_SIZE ? (size_t)piece.length : COPY_SIZE;

		if (!mbox_io_read(piece.fd, buf, n, piece.offset))
			return false;
		/* Right before the write: the process may have slept until now. */
		if (!delivery_lock_refresh(lock)) {
			errno = ECANCELED;
			return false;
		}
		if (sum != NULL)
			checksum_add(sum, buf, n);
		if (fd != -1 && !mbox_io_write(fd, buf, n, offset))
			return false;
		piece.offset += n;
		piece.length -= n;
		offset += n;
	}
	return true;
}

bool
mbox_io_copy(const struct mbox_piece *pieces, size_t n, int fd, uint64_t offset,
	struct checksum *sum, struct delivery_lock *lock)
{
	unsigned char *buf = block_new(COPY_SIZE);
	bool ok = buf != NULL;
	int error;

	for (size_t i = 0; ok && i < n; i++) {
		ok = piece_copy(pieces[i], fd, offset, sum, lock, buf);
		offset += pieces[i].length;
	}
	error = errno;
	free(buf);
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
