#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "mailstore/mbox_io.h"
#include "tests/unit/mbox_fixture.h"
#include "tests/unit/tests.h"

static int
open_box(const struct mbox_fixture *f)
{
	const int fd = open(f->path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	return fd;
}

static void
reads_all_or_fails(void **state)
{
	struct mbox_fixture *f = *state;
	const int fd = open_box(f);
	char buf[4];

	assert_true(mbox_io_write(fd, "0123456789", 10, 0));
	assert_true(mbox_io_read(fd, buf, 4, 6));
	assert_memory_equal(buf, "6789", 4);
	assert_false(mbox_io_read(fd, buf, 4, 7));
	assert_int_equal(errno, ENODATA);
	assert_false(mbox_io_read(-1, buf, 4, 0));
	assert_int_equal(errno, EBADF);
	assert_false(mbox_io_write(-1, buf, 4, 0));
	assert_int_equal(errno, EBADF);
	close(fd);
}

static void
copies_pieces_down(void **state)
{
	struct mbox_fixture *f = *state;
	const int fd = open_box(f);
	const struct mbox_piece pieces[] = {{fd, 3, 2}, {fd, 6, 3}, {fd, 9, 0}};
	unsigned char sum[CHECKSUM_SIZE], wanted[CHECKSUM_SIZE];
	struct checksum *checksum = checksum_new();

	assert_non_null(checksum);
	assert_true(mbox_io_write(fd, "0123456789", 10, 0));
	checksum_begin(checksum, 0);
	assert_true(mbox_io_copy(pieces, 3, fd, 1, checksum, NULL));
	mbox_fixture_expect(f, "0346786789");
	checksum_end(checksum, sum);
	checksum_of("34678", 5, wanted);
	assert_memory_equal(sum, wanted, sizeof sum);
	checksum_free(checksum);
	close(fd);
}

static bool
is_lost(void *cookie)
{
	return --*(int *)cookie > 0;
}

/* A copy ends when the lock is lost, and before anything more is written. */
static void
stops_without_the_lock(void **state)
{
	struct mbox_fixture *f = *state;
	int left = 4; /* asked behind each read and before each write */
	struct delivery_lock lock = {.also = is_lost, .also_cookie = &left};
	const int fd = open_box(f);
	const struct mbox_piece piece = {fd, 1, 2 * MBOX_IO_BLOCK};
	char now[3];

	assert_true(mbox_io_write(fd, "01", 2, 0));
	assert_true(mbox_io_write(fd, "234", 3, MBOX_IO_BLOCK));
	assert_true(mbox_io_write(fd, "5", 1, 2 * MBOX_IO_BLOCK));
	assert_false(mbox_io_copy(&piece, 1, fd, 0, NULL, &lock));
	assert_int_equal(errno, ECANCELED);
	assert_true(mbox_io_read(fd, now, 1, 0));
	assert_memory_equal(now, "1", 1);
	assert_true(mbox_io_read(fd, now, 3, MBOX_IO_BLOCK - 1));
	assert_memory_equal(now, "223", 3);
	close(fd);
}

/* Not every file system can. */
static bool
can_be_uncached(const struct mbox_fixture *f)
{
	const int fd = open(f->path, O_RDWR | O_DIRECT | O_CLOEXEC);

	if (fd >= 0)
		close(fd);
	return fd >= 0;
}

/* Pieces that end anywhere, through blocks that the file system is given whole. */
static void
copies_past_the_cache(void **state)
{
	struct mbox_fixture *f = *state;
	const size_t n = 3 * MBOX_IO_BLOCK, cut = MBOX_IO_BLOCK / 2 + 3;
	const int from = open_box(f);
	const int to = open(mbox_fixture_file(f, "copy"), O_RDWR | O_CREAT, 0600);
	const struct mbox_piece pieces[] = {{from, 5, cut}, {from, n / 2, n / 2 - 5}};
	const struct mbox_piece back = {
		to, MBOX_IO_UNIT, pieces[0].length + pieces[1].length};
	unsigned char *bytes = malloc(n);
	struct bytes now;

	assert_non_null(bytes);
	assert_true(to >= 0);
	for (size_t i = 0; i < n; i++)
		bytes[i] = (unsigned char)(i * i >> 7);
	assert_true(mbox_io_write(from, bytes, n, 0));
	mbox_io_uncached(to);
	assert_int_equal(mbox_io_cached(to), can_be_uncached(f));
	mbox_io_uncached(to);
	assert_true(mbox_io_copy(pieces, 2, to, MBOX_IO_UNIT, NULL, NULL));
	mbox_io_uncached(to);
	assert_true(mbox_io_copy(&back, 1, from, 0, NULL, NULL));
	(void)mbox_io_cached(to);
	now = mbox_fixture_read(f->path);
	assert_int_equal(now.n, n);
	assert_memory_equal(now.p, bytes + 5, cut);
	assert_memory_equal(now.p + cut, bytes + n / 2, n / 2 - 5);
	free(now.p);
	free(bytes);
	close(to);
	close(from);
}

/* A dotlock must look alive while much is copied. */
static void
refreshes_the_lock(void **state)
{
	struct mbox_fixture *f = *state;
	struct delivery_lock lock = {.dotlock_held = true, .dotlock = {.fd = -1}};
	const int fd = open_box(f);
	const struct mbox_piece piece = {fd, 0, 3};
	unsigned char sum[CHECKSUM_SIZE];

	assert_true(mbox_io_write(fd, "0123456789", 10, 0));
	lock.touched = -1000;
	assert_true(mbox_io_copy(&piece, 1, fd, 0, NULL, &lock));
	assert_true(lock.touched > -1000);
	lock.touched = -1000;
	assert_true(mbox_io_checksum(piece, 0, sum, &lock));
	assert_true(lock.touched > -1000);
	close(fd);
}

/* More than the buffer, over itself by less than the buffer. */
static void
copies_large_pieces(void **state)
{
	struct mbox_fixture *f = *state;
	const size_t n = 3 * MBOX_IO_BLOCK + 3, shift = 17;
	unsigned char *bytes = malloc(n);
	unsigned char sum[CHECKSUM_SIZE], wanted[CHECKSUM_SIZE];
	const int fd = open_box(f);
	const struct mbox_piece piece = {fd, shift, n - shift};
	struct bytes now;

	assert_non_null(bytes);
	for (size_t i = 0; i < n; i++)
		bytes[i] = (unsigned char)(i * i >> 7);
	assert_true(mbox_io_write(fd, bytes, n, 0));
	assert_true(mbox_io_copy(&piece, 1, fd, 0, NULL, NULL));
	now = mbox_fixture_read(f->path);
	assert_memory_equal(now.p, bytes + shift, n - shift);
	assert_memory_equal(now.p + n - shift, bytes + n - shift, shift);
	assert_true(
		mbox_io_checksum((struct mbox_piece){fd, 0, n - shift}, 0, sum, NULL));
	checksum_of(bytes + shift, n - shift, wanted);
	assert_memory_equal(sum, wanted, sizeof sum);
	assert_false(mbox_io_checksum((struct mbox_piece){fd, 0, n + 1}, 0, sum, NULL));
	assert_int_equal(errno, ENODATA);
	free(now.p);
	free(bytes);
	close(fd);
}

#define TEST(function)                                                                   \
	cmocka_unit_test_setup_teardown(                                                 \
		function, mbox_fixture_set_up, mbox_fixture_tear_down)

int
test_mbox_io(void)
{
	const struct CMUnitTest tests[] = {
		TEST(reads_all_or_fails),
		TEST(copies_pieces_down),
		TEST(stops_without_the_lock),
		TEST(refreshes_the_lock),
		TEST(copies_large_pieces),
		TEST(copies_past_the_cache),
	};

	return cmocka_run_group_tests_name("mbox_io", tests, NULL, NULL);
}
