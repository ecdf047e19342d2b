#include "mailstore/index.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "mailstore/checksum.h"

#define NS_PER_S 1000000000LL
/* How far a file's time stamp may lag behind: a tick of the kernel's clock. */
#define GRANULE_NS 20000000LL
/* The same where a file system keeps whole seconds only, or pairs of them. */
#define GRANULE_COARSE_NS (2 * NS_PER_S)

/* Numbers are little-endian.  The header's hash covers what stands before it. */
enum field {
	FIELD_MAGIC = 0,
	FIELD_KIND = 8,
	FIELD_COUNT = 16,
	FIELD_OCTETS = 24,
	FIELD_EXTRA = 32,
	FIELD_FLAGS = 40,
	FIELD_BODY = 48,
	FIELD_BODY_HASH = 56,
	FIELD_STAMPS = 72,
	FIELD_HASH = 240,
};

_Static_assert(FIELD_STAMPS + 8 * INDEX_STAMPS <= FIELD_HASH, "stamps need room");

/* The last character is the version. */
static const unsigned char magic[8] = {'p', 'o', 'p', '3', 'd', 'i', 'x', '2'};

static void
number_encode(unsigned char *p, uint64_t value, size_t octets)
{
	for (size_t i = 0; i < octets; i++)
		p[i] = (unsigned char)(value >> (8 * i));
}

static uint64_t
number_decode(const unsigned char *p, size_t octets)
{
	uint64_t value = 0;

	for (size_t i = octets; i-- > 0;)
		value = value << 8 | p[i];
	return value;
}

static bool
header_decode(struct index *index, const unsigned char header[INDEX_HEADER])
{
	unsigned char hash[16];

	checksum_of(header, FIELD_HASH, hash);
	if (memcmp(header + FIELD_HASH, hash, sizeof(hash)) != 0 ||
		memcmp(header + FIELD_MAGIC, magic, sizeof(magic)) != 0 ||
		number_decode(header + FIELD_KIND, 8) != (uint64_t)index->kind)
		return false;
	index->count = number_decode(header + FIELD_COUNT, 8);
	index->octets = number_decode(header + FIELD_OCTETS, 8);
	index->extra = number_decode(header + FIELD_EXTRA, 8);
	index->flags = (uint32_t)number_decode(header + FIELD_FLAGS, 4);
	index->body_size = number_decode(header + FIELD_BODY, 8);
	memcpy(index->body_hash, header + FIELD_BODY_HASH, sizeof(index->body_hash));
	for (size_t i = 0; i < INDEX_STAMPS; i++)
		index->stamps[i] = number_decode(header + FIELD_STAMPS + 8 * i, 8);
	return true;
}

static void
header_encode(const struct index *index, const unsigned char *body, size_t n,
	unsigned char header[INDEX_HEADER])
{
	memset(header, 0, INDEX_HEADER);
	memcpy(header + FIELD_MAGIC, magic, sizeof(magic));
	number_encode(header + FIELD_KIND, (uint64_t)index->kind, 8);
	number_encode(header + FIELD_COUNT, index->count, 8);
	number_encode(header + FIELD_OCTETS, index->octets, 8);
	number_encode(header + FIELD_EXTRA, index->extra, 8);
	number_encode(header + FIELD_FLAGS, index->flags, 4);
	number_encode(header + FIELD_BODY, n, 8);
	checksum_of(body, n, header + FIELD_BODY_HASH);
	for (size_t i = 0; i < INDEX_STAMPS; i++)
		number_encode(header + FIELD_STAMPS + 8 * i, index->stamps[i], 8);
	checksum_of(header, FIELD_HASH, header + FIELD_HASH);
}

static bool
read_all(int fd, unsigned char *p, size_t n, off_t offset)
{
	while (n > 0) {
		const ssize_t got = pread(fd, p, n, offset);

		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return false;
		p += got;
		n -= (size_t)got;
		offset += got;
	}
	return true;
}

bool
index_open(struct index *index, enum index_kind kind, int dirfd, const char *name,
	size_t max_messages)
{
	unsigned char header[INDEX_HEADER];
	struct stat st;

	*index = (struct index){.kind = kind};
	index->fd = openat(
		dirfd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (index->fd == -1)
		return false;
	if (fstat(index->fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_uid == geteuid() &&
		read_all(index->fd, header, sizeof(header), 0) &&
		header_decode(index, header) && index->count <= max_messages &&
		/* One message may be hidden. */
		index->body_size <= (index->count + 1) * INDEX_ENTRY_MAX &&
		(uint64_t)st.st_size == INDEX_HEADER + index->body_size)
		return true;
	index_close(index);
	return false;
}

unsigned char *
index_body(struct index *index)
{
	const size_t n = (size_t)index->body_size;
	unsigned char *body = malloc(n + 1);
	unsigned char hash[16];

	if (body == NULL || index->fd == -1 ||
		!read_all(index->fd, body, n, (off_t)INDEX_HEADER)) {
		free(body);
		return NULL;
	}
	checksum_of(body, n, hash);
	if (memcmp(hash, index->body_hash, sizeof(hash)) == 0)
		return body;
	free(body);
	return NULL;
}

void
index_close(struct index *index)
{
	if (index->fd != -1)
		(void)close(index->fd);
	index->fd = -1;
}

static bool
write_all(int fd, const unsigned char *p, size_t n)
{
	while (n > 0) {
		const ssize_t put = write(fd, p, n);

		if (put < 0 && errno == EINTR)
			continue;
		if (put <= 0)
			return false;
		p += put;
		n -= (size_t)put;
	}
	return true;
}

bool
index_write(const struct index *index, const unsigned char *body, size_t n, int dirfd,
	const char *name, const char *fresh)
{
	unsigned char header[INDEX_HEADER];
	bool done;
	int fd, error;

	header_encode(index, body, n, header);
	/* One that is there was left by a session that died. */
	if (unlinkat(dirfd, fresh, 0) != 0 && errno != ENOENT)
		return false;
	fd = openat(
		dirfd, fresh, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd == -1)
		return false;
	done = write_all(fd, header, sizeof(header)) && write_all(fd, body, n);
	error = errno;
	if (close(fd) != 0) {
		error = errno;
		done = false;
	}
	if (done && renameat(dirfd, fresh, dirfd, name) == 0)
		return true;
	if (done)
		error = errno;
	(void)unlinkat(dirfd, fresh, 0);
	errno = error;
	return false;
}

static uint64_t
time_word(const struct timespec *time)
{
	return (uint64_t)time->tv_sec * (uint64_t)NS_PER_S + (uint64_t)time->tv_nsec;
}

void
index_stamp(uint64_t stamps[4], const struct stat *st)
{
	memset(stamps, 0, 4 * sizeof(*stamps));
	if (st == NULL)
		return;
	/* No device number: it may be another after the next start of the machine. */
	stamps[0] = (uint64_t)st->st_ino;
	stamps[1] = (uint64_t)st->st_size;
	stamps[2] = time_word(&st->st_mtim);
	stamps[3] = time_word(&st->st_ctim);
}

bool
index_stamp_is_fresh(const struct timespec *stamp)
{
	struct timespec now;
	int64_t age;

	if (clock_gettime(CLOCK_REALTIME, &now) != 0)
		return true;
	if (now.tv_sec - stamp->tv_sec > 10 || stamp->tv_sec - now.tv_sec > 10)
		return false;
	age = (now.tv_sec - stamp->tv_sec) * NS_PER_S + now.tv_nsec - stamp->tv_nsec;
	if (age < 0)
		age = -age;
	return age < (stamp->tv_nsec == 0 ? GRANULE_COARSE_NS : GRANULE_NS);
}

void
index_put(struct index_buffer *buffer, const void *p, size_t n)
{
	if (buffer->failed)
		return;
	if (n > buffer->cap - buffer->n) {
		const size_t cap = buffer->cap + buffer->cap / 2 + n + 4096;
		unsigned char *grown = realloc(buffer->bytes, cap);

		if (grown == NULL) {
			buffer->failed = true;
			return;
		}
		buffer->bytes = grown;
		buffer->cap = cap;
	}
	memcpy(buffer->bytes + buffer->n, p, n);
	buffer->n += n;
}

void
index_put_number(struct index_buffer *buffer, uint64_t value, size_t octets)
{
	unsigned char bytes[8];

	number_encode(bytes, value, octets);
	index_put(buffer, bytes, octets);
}

const unsigned char *
index_get(struct index_cursor *cursor, size_t n)
{
	const unsigned char *p = cursor->p;

	if (cursor->failed || n > cursor->left) {
		cursor->failed = true;
		return NULL;
	}
	cursor->p += n;
	cursor->left -= n;
	return p;
}

uint64_t
index_get_number(struct index_cursor *cursor, size_t octets)
{
	const unsigned char *p = index_get(cursor, octets);

	return p == NULL ? 0 : number_decode(p, octets);
}
