#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "mailstore/index.h"
#include "tests/unit/maildir_fixture.h"
#include "tests/unit/tests.h"

static const unsigned char body[] = "a body";

static int
open_directory(const struct maildir_fixture *f)
{
	const int dir = open(f->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	assert_true(dir >= 0);
	return dir;
}

static void
write_sample(int dir)
{
	struct index index = {
		.kind = INDEX_MBOX,
		.count = 3,
		.octets = 0x1122334455667788,
		.extra = 7,
		.flags = INDEX_SURE,
	};

	for (size_t i = 0; i < INDEX_STAMPS; i++)
		index.stamps[i] = i * 1000;
	assert_true(index_write(&index, body, sizeof(body), dir, "index", "index-new"));
}

static void
round_trip(void **state)
{
	struct maildir_fixture *f = *state;
	const int dir = open_directory(f);
	struct index index;
	unsigned char *read;

	write_sample(dir);
	/* A second time, over what a session that died left. */
	maildir_fixture_put(f, "index-new", "half");
	write_sample(dir);
	assert_false(maildir_fixture_has(f, "index-new"));
	assert_false(index_open(&index, INDEX_MAILDIR, dir, "index", 1000));
	assert_true(index_open(&index, INDEX_MBOX, dir, "index", 1000));
	assert_int_equal(index.count, 3);
	assert_int_equal(index.octets, 0x1122334455667788);
	assert_int_equal(index.extra, 7);
	assert_int_equal(index.flags, INDEX_SURE);
	assert_int_equal(index.stamps[INDEX_STAMPS - 1], (INDEX_STAMPS - 1) * 1000);
	read = index_body(&index);
	assert_non_null(read);
	assert_int_equal(index.body_size, sizeof(body));
	assert_memory_equal(read, body, sizeof(body));
	free(read);
	index_close(&index);
	assert_int_equal(index.fd, -1);
	(void)close(dir);
}

/* Each octet of it matters. */
static void
damaged(void **state)
{
	struct maildir_fixture *f = *state;
	const int dir = open_directory(f);
	struct index index;

	write_sample(dir);
	for (off_t i = 0; i < (off_t)(INDEX_HEADER + sizeof(body)); i++) {
		const int fd = openat(dir, "index", O_RDWR | O_CLOEXEC);
		unsigned char octet, other;
		unsigned char *read = NULL;
		bool opened;

		assert_int_equal(pread(fd, &octet, 1, i), 1);
		other = octet ^ 1;
		assert_int_equal(pwrite(fd, &other, 1, i), 1);
		opened = index_open(&index, INDEX_MBOX, dir, "index", 1000);
		if (opened)
			read = index_body(&index);
		assert_null(read);
		assert_int_equal(opened, i >= (off_t)INDEX_HEADER);
		index_close(&index);
		assert_int_equal(pwrite(fd, &octet, 1, i), 1);
		(void)close(fd);
	}
	for (off_t size = 0; size < (off_t)(INDEX_HEADER + sizeof(body)); size++) {
		write_sample(dir);
		assert_int_equal(truncate(maildir_fixture_file(f, "index"), size), 0);
		assert_false(index_open(&index, INDEX_MBOX, dir, "index", 1000));
		assert_int_equal(index.fd, -1);
	}
	(void)close(dir);
}

static void
cursor(void **state)
{
	static const unsigned char bytes[] = {1, 2, 3};
	struct index_cursor c = {.p = bytes, .left = sizeof(bytes)};

	(void)state;
	assert_int_equal(index_get_number(&c, 2), 0x0201);
	assert_null(index_get(&c, 2));
	assert_true(c.failed);
	assert_int_equal(index_get_number(&c, 1), 0);
}

static void
buffer(void **state)
{
	struct index_buffer b = {.bytes = NULL};

	(void)state;
	for (size_t i = 0; i < 10000; i++)
		index_put_number(&b, i, 8);
	assert_false(b.failed);
	assert_int_equal(b.n, 80000);
	assert_int_equal(b.bytes[79992], 9999 & 255);
	assert_int_equal(b.bytes[79993], 9999 >> 8);
	free(b.bytes);
}

static void
stamps(void **state)
{
	struct timespec now;

	(void)state;
	assert_int_equal(clock_gettime(CLOCK_REALTIME, &now), 0);
	assert_true(index_stamp_is_fresh(&now));
	now.tv_sec -= 5;
	now.tv_nsec = 1;
	assert_false(index_stamp_is_fresh(&now));
	/* Whole seconds only: a file system with coarse stamps. */
	assert_int_equal(clock_gettime(CLOCK_REALTIME, &now), 0);
	now.tv_sec -= 1;
	now.tv_nsec = 0;
	assert_true(index_stamp_is_fresh(&now));
}

int
test_index(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			round_trip, maildir_fixture_set_up, maildir_fixture_tear_down),
		cmocka_unit_test_setup_teardown(
			damaged, maildir_fixture_set_up, maildir_fixture_tear_down),
		cmocka_unit_test(cursor),
		cmocka_unit_test(buffer),
		cmocka_unit_test(stamps),
	};

	return cmocka_run_group_tests_name("index", tests, NULL, NULL);
}
