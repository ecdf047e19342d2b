#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "mailstore/lock_text.h"
#include "mailstore/mbox_journal.h"
#include "tests/unit/mbox_fixture.h"
#include "tests/unit/tests.h"

#define FROM "From a@b Tue Nov 23 15:28:00 2025\n"
#define A FROM "Subject: a\n\naa\n\n"
#define B FROM "Subject: b\n\nbbbb\n\n"
#define C FROM "Subject: c\n\ncc\n\n"
#define JOURNAL "spool/.box.pop3d-journal"

static const struct mbox_journal sample = {
	.size = 0x0102030405060708,
	.first = 0x0001020304050607,
	.tail = 77,
	.last_deleted = true,
	.mark = "mark",
	.tail_sum = "tail",
	.rest_sum = "rest",
};

static void
header_round_trip(void **state)
{
	unsigned char header[MBOX_JOURNAL_HEADER];
	struct mbox_journal journal;

	(void)state;
	mbox_journal_encode(&sample, header);
	assert_memory_equal(header + 8, "\x08\x07\x06\x05\x04\x03\x02\x01", 8);
	assert_true(mbox_journal_decode(&journal, header));
	assert_int_equal(journal.size, sample.size);
	assert_int_equal(journal.first, sample.first);
	assert_int_equal(journal.tail, sample.tail);
	assert_true(journal.last_deleted);
	assert_false(journal.done);
	assert_memory_equal(journal.mark, sample.mark, sizeof sample.mark);
	assert_memory_equal(journal.tail_sum, sample.tail_sum, sizeof sample.tail_sum);
	assert_memory_equal(journal.rest_sum, sample.rest_sum, sizeof sample.rest_sum);
	/* Step 3 writes the last octet only. */
	header[MBOX_JOURNAL_HEADER - 1] = 1;
	assert_true(mbox_journal_decode(&journal, header));
	assert_true(journal.done);
}

static void
damaged_header(void **state)
{
	unsigned char header[MBOX_JOURNAL_HEADER];
	struct mbox_journal journal;

	(void)state;
	mbox_journal_encode(&sample, header);
	for (size_t i = 0; i < 96; i++) {
		header[i] ^= 0x10;
		assert_false(mbox_journal_decode(&journal, header));
		header[i] ^= 0x10;
	}
	memset(header, 0, sizeof header);
	assert_false(mbox_journal_decode(&journal, header));
}

static void
senseless_header(void **state)
{
	static const struct {
		uint64_t size, first, tail;
		bool good;
	} cases[] = {
		{100, 0, 84, true},
		{100, 0, 85, false},
		{100, 101, 0, false},
		{100, 50, UINT64_MAX - 40, false},
		{100, UINT64_MAX, 1, false},
		{UINT64_MAX, 0, 1, false},
		{16, 0, 0, true},
		{15, 0, 0, false},
	};
	unsigned char header[MBOX_JOURNAL_HEADER];
	struct mbox_journal journal = sample;

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		journal.size = cases[i].size;
		journal.first = cases[i].first;
		journal.tail = cases[i].tail;
		mbox_journal_encode(&journal, header);
		assert_int_equal(mbox_journal_decode(&journal, header), cases[i].good);
	}
}

static void
commit_and_apply(void **state)
{
	struct mbox_fixture *f = *state;
	struct mbox_journal journal = {.size = strlen(A B C)};
	const struct mbox_place *place = NULL;
	struct mbox_piece piece;
	struct mbox *box;
	struct stat st;
	int fd;

	mbox_fixture_put(f, A B C);
	mbox_fixture_open(f);
	box = (struct mbox *)f->store;
	piece = (struct mbox_piece){box->fd, strlen(A), strlen(B C)};
	assert_int_equal(
		mbox_journal_commit(box, &journal, &piece, 1, &place, &fd), MAIL_OK);
	mbox_fixture_expect(f, A B C);
	assert_int_equal(stat(mbox_fixture_file(f, JOURNAL), &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	assert_int_equal(st.st_size, MBOX_JOURNAL_TAIL + strlen(B C));
	assert_int_equal(journal.tail, strlen(B C));
	assert_int_equal(mbox_journal_apply(box, &journal, place, fd), MAIL_OK);
	assert_false(mbox_fixture_has(f, JOURNAL));
	mbox_fixture_expect(f, B C);
	close(fd);
}

/* Commit the removal of A from A B C; what is done next is up to the caller. */
static struct mbox *
commit(struct mbox_fixture *f, struct mbox_journal *journal,
	const struct mbox_place **place, int *fd)
{
	struct mbox_piece piece;
	struct mbox *box;

	mbox_fixture_put(f, A B C);
	mbox_fixture_open(f);
	box = (struct mbox *)f->store;
	*journal = (struct mbox_journal){.size = strlen(A B C)};
	*place = NULL;
	piece = (struct mbox_piece){box->fd, strlen(A), strlen(B C)};
	assert_int_equal(
		mbox_journal_commit(box, journal, &piece, 1, place, fd), MAIL_OK);
	return box;
}

/* The session lock beside the mbox becomes another host's. */
static void
lose_lock(const struct mbox_fixture *f)
{
	struct lock_holder holder;
	char text[LOCK_TEXT];

	assert_true(lock_holder_self(&holder, 30));
	lock_text_make(text, &holder);
	mbox_fixture_write(
		mbox_fixture_file(f, "spool/.box.pop3d-lock"), text, sizeof text);
}

/* A session that slept while another host finished its update, and mail arrived. */
static void
apply_without_the_lock(void **state)
{
	struct mbox_fixture *f = *state;
	const struct mbox_place *place;
	struct mbox_journal journal;
	struct mbox *box;
	int fd;

	box = commit(f, &journal, &place, &fd);
	lose_lock(f);
	mbox_fixture_put(f, B C A A);
	assert_int_equal(mbox_journal_apply(box, &journal, place, fd), MAIL_BUSY);
	mbox_fixture_expect(f, B C A A);
	assert_true(mbox_fixture_has(f, JOURNAL));
	close(fd);
}

/* Somebody cares for no lock: the next session finds his mail behind the old end. */
static void
apply_to_another_length(void **state)
{
	struct mbox_fixture *f = *state;
	const struct mbox_place *place;
	struct mbox_journal journal;
	struct mbox *box;
	int fd;

	box = commit(f, &journal, &place, &fd);
	mbox_fixture_append(f->path, A, strlen(A));
	assert_int_equal(mbox_journal_apply(box, &journal, place, fd), MAIL_TEMP);
	close(fd);
	mbox_fixture_close(f);
	mbox_fixture_open(f);
	mbox_fixture_expect(f, B C A);
	assert_false(mbox_fixture_has(f, JOURNAL));
}

static void
commit_without_the_lock(void **state)
{
	struct mbox_journal journal = {.size = strlen(A B)};
	const struct mbox_place *place = NULL;
	struct mbox_fixture *f = *state;
	struct mbox_piece piece;
	struct mbox *box;
	int fd;

	mbox_fixture_put(f, A B);
	mbox_fixture_open(f);
	lose_lock(f);
	box = (struct mbox *)f->store;
	piece = (struct mbox_piece){box->fd, strlen(A), strlen(B)};
	assert_int_equal(
		mbox_journal_commit(box, &journal, &piece, 1, &place, &fd), MAIL_BUSY);
	assert_false(mbox_fixture_has(f, JOURNAL));
	assert_false(mbox_fixture_has(f, JOURNAL "-new"));
}

static void
skips_empty_lines(void **state)
{
	static const struct {
		const char *text;
		bool good;
		uint64_t skip;
	} cases[] = {
		{C, true, 0},
		{"\n" C, true, 1},
		{"\r\n\n" C, true, 3},
		{"\n\n", true, 2},
		{"\n\r", false, 1},
		{"x\n" C, false, 0},
		{"From me\n", false, 0},
		{"From a@b Tue Nov 23 15:28:00 2025", false, 0},
	};
	struct mbox_fixture *f = *state;
	uint64_t skip;

	mbox_fixture_put(f, A);
	mbox_fixture_open(f);
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		mbox_fixture_put(f, A);
		mbox_fixture_append(f->path, cases[i].text, strlen(cases[i].text));
		assert_int_equal(mbox_journal_skip((struct mbox *)f->store, strlen(A),
					 strlen(A) + strlen(cases[i].text), &skip),
			cases[i].good);
		assert_int_equal(skip, cases[i].skip);
	}
}

#define TEST(function)                                                                   \
	cmocka_unit_test_setup_teardown(                                                 \
		function, mbox_fixture_set_up, mbox_fixture_tear_down)

int
test_mbox_journal(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(header_round_trip),
		cmocka_unit_test(damaged_header),
		cmocka_unit_test(senseless_header),
		TEST(commit_and_apply),
		TEST(apply_without_the_lock),
		TEST(apply_to_another_length),
		TEST(commit_without_the_lock),
		TEST(skips_empty_lines),
	};

	return cmocka_run_group_tests_name("mbox_journal", tests, NULL, NULL);
}
