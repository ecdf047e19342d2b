#include <dirent.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "mailstore/mbox_journal.h"
#include "tests/unit/mbox_fixture.h"
#include "tests/unit/tests.h"

#define FROM "From a@b Tue Nov 23 15:28:00 2025\n"
#define A FROM "Subject: a\n\naa\n\n"
#define B FROM "Subject: b\n\nbbbb\n\n"
#define C FROM "Subject: c\n\ncc\n\n"
#define D "From d@e Tue Nov 23 15:30:00 2025\nSubject: d\n\ndd\n\n"
#define JOURNAL "spool/.box.pop3d-journal"

/* Where the update that removes A and C from A B C is cut short. */
enum step {
	STEP_COMMITTED,
	STEP_HALF_COPIED,
	STEP_COPIED,
	STEP_HALF_MARKED,
	STEP_MARKED,
	STEP_DONE,
	STEP_CUT,
	STEPS,
};

static void
do_steps(const struct mbox *box, const struct mbox_journal *journal, int fd,
	enum step step)
{
	const uint64_t end = journal->first + journal->tail;

	if (step >= STEP_HALF_COPIED)
		assert_true(mbox_io_write(box->fd, B, strlen(B) / 2, 0));
	if (step >= STEP_COPIED)
		assert_true(mbox_io_write(box->fd, B, strlen(B), 0));
	if (step >= STEP_HALF_MARKED)
		assert_true(mbox_io_write(box->fd, journal->mark, 7, end));
	if (step >= STEP_MARKED)
		assert_true(mbox_io_write(box->fd, journal->mark, 16, end));
	if (step >= STEP_DONE)
		assert_true(mbox_io_write(fd, "\1", 1, MBOX_JOURNAL_HEADER - 1));
	if (step >= STEP_CUT)
		assert_int_equal(ftruncate(box->fd, (off_t)end), 0);
}

/* Leave the mbox A B C as a session would that was killed behind a step. */
static void
crash(struct mbox_fixture *f, enum step step)
{
	struct mbox_journal journal = {.size = strlen(A B C), .last_deleted = true};
	const struct mbox_place *place = NULL;
	struct mbox_piece piece;
	struct mbox *box;
	int fd;

	mbox_fixture_put(f, A B C);
	mbox_fixture_open(f);
	box = (struct mbox *)f->store;
	piece = (struct mbox_piece){box->fd, strlen(A), strlen(B)};
	assert_int_equal(
		mbox_journal_commit(box, &journal, &piece, 1, &place, &fd), MAIL_OK);
	do_steps(box, &journal, fd, step);
	close(fd);
	mbox_fixture_close(f);
}

static void
expect_after(struct mbox_fixture *f, const char *text)
{
	mbox_fixture_open(f);
	mbox_fixture_expect(f, text);
	assert_false(mbox_fixture_has(f, JOURNAL));
	assert_false(mbox_fixture_has(f, "spool/.box.pop3d-journal-new"));
	mbox_fixture_close(f);
}

static void
finishes_at_every_step(void **state)
{
	struct mbox_fixture *f = *state;

	for (enum step step = 0; step < STEPS; step++) {
		crash(f, step);
		assert_true(mbox_fixture_has(f, JOURNAL));
		expect_after(f, B);
	}
}

static void
mail_delivered_in_between(void **state)
{
	struct mbox_fixture *f = *state;

	for (enum step step = 0; step < STEPS; step++) {
		crash(f, step);
		mbox_fixture_append(f->path, D, strlen(D));
		expect_after(f, B D);
		crash(f, step);
		mbox_fixture_append(f->path, "\n" D A, strlen("\n" D A));
		expect_after(f, step == STEP_CUT ? B "\n" D A : B D A);
		/* What is no mail is kept as it is. */
		crash(f, step);
		mbox_fixture_append(f->path, "\nodd\n", 5);
		expect_after(f, B "\nodd\n");
	}
}

/*
 * What was cut off is delivered again, byte for byte, before the journal is removed:
 * it is new mail now.
 */
static void
same_mail_delivered_again(void **state)
{
	struct mbox_fixture *f = *state;
	const char *cut = &A B C[strlen(B)];
	struct bytes now;

	for (enum step step = STEP_COMMITTED; step < STEP_CUT; step++) {
		crash(f, step);
		mbox_fixture_append(f->path, A C, strlen(A C));
		expect_after(f, B A C);
	}
	crash(f, STEP_CUT);
	mbox_fixture_append(f->path, cut, strlen(cut));
	mbox_fixture_open(f);
	mbox_fixture_close(f);
	now = mbox_fixture_read(f->path);
	assert_int_equal(now.n, strlen(A B C));
	assert_memory_equal(now.p + strlen(B), cut, strlen(cut));
	free(now.p);
}

/* Any damaged byte of a journal makes it worthless, and the mbox is left alone. */
static void
damaged_journal(void **state)
{
	struct mbox_fixture *f = *state;

	for (size_t i = 0; i < MBOX_JOURNAL_TAIL + strlen(B); i += 3) {
		struct bytes journal;

		if (i >= 96 && i < MBOX_JOURNAL_TAIL)
			continue;
		crash(f, STEP_COMMITTED);
		journal = mbox_fixture_read(mbox_fixture_file(f, JOURNAL));
		journal.p[i] ^= 1;
		mbox_fixture_write(mbox_fixture_file(f, JOURNAL), journal.p, journal.n);
		expect_after(f, A B C);
		crash(f, STEP_COMMITTED);
		mbox_fixture_write(mbox_fixture_file(f, JOURNAL), journal.p, i);
		expect_after(f, A B C);
		free(journal.p);
	}
}

/* The only file in the spool whose name begins so; its tail is an mbox. */
static void
expect_saved_at(const struct mbox_fixture *f, size_t at, const char *text)
{
	static const char stem[] = ".box.pop3d-journal-saved-";
	DIR *directory = opendir(f->directory);
	const struct dirent *entry;
	struct bytes saved = {NULL, 0};
	char name[512];

	assert_non_null(directory);
	while ((entry = readdir(directory)) != NULL) {
		if (strncmp(entry->d_name, stem, strlen(stem)) != 0)
			continue;
		assert_null(saved.p);
		snprintf(name, sizeof name, "spool/%s", entry->d_name);
		saved = mbox_fixture_read(mbox_fixture_file(f, name));
		assert_int_equal(unlink(mbox_fixture_file(f, name)), 0);
	}
	closedir(directory);
	assert_non_null(saved.p);
	assert_string_equal((char *)saved.p + at, text);
	free(saved.p);
}

static void
expect_saved(const struct mbox_fixture *f, const char *text)
{
	expect_saved_at(f, MBOX_JOURNAL_TAIL, text);
}

/* One that the first version left may have the only copy of some mail. */
static void
journal_of_the_first_version(void **state)
{
	static const unsigned char header[MBOX_JOURNAL_TAIL_FIRST] = "pop3dmj1";
	struct mbox_fixture *f = *state;
	struct bytes journal = {
		malloc(sizeof header + strlen(B)), sizeof header + strlen(B)};

	assert_non_null(journal.p);
	memcpy(journal.p, header, sizeof header);
	memcpy(journal.p + sizeof header, B, strlen(B));
	mbox_fixture_put(f, C);
	mbox_fixture_write(mbox_fixture_file(f, JOURNAL), journal.p, journal.n);
	free(journal.p);
	f->logged = 0;
	expect_after(f, C);
	assert_int_equal(f->logged, 1);
	assert_non_null(strstr(f->last_log, "behind its first 160 octets"));
	expect_saved_at(f, MBOX_JOURNAL_TAIL_FIRST, B);
}

/* Somebody rewrote the torn mbox: the journal has what is lost there. */
static void
other_mbox(void **state)
{
	static const char *const boxes[] = {"", C, A B, A C B, A B D, D D D D D};
	struct mbox_fixture *f = *state;

	for (size_t i = 0; i < sizeof boxes / sizeof *boxes; i++) {
		crash(f, STEP_HALF_COPIED);
		mbox_fixture_put(f, boxes[i]);
		f->logged = 0;
		expect_after(f, boxes[i]);
		assert_int_equal(f->logged, 1);
		assert_non_null(strstr(f->last_log, "-saved-"));
		expect_saved(f, B);
	}
	crash(f, STEP_DONE);
	mbox_fixture_put(f, B);
	expect_after(f, B);
	assert_int_equal(mbox_fixture_hidden(f, "spool"), 1);
}

/* A journal that another user might have put there. */
static void
foreign_journal(void **state)
{
	struct mbox_fixture *f = *state;
	char other[1024];

	snprintf(other, sizeof other, "%s", mbox_fixture_file(f, "spool/other"));
	crash(f, STEP_COMMITTED);
	assert_int_equal(rename(mbox_fixture_file(f, JOURNAL), other), 0);
	assert_int_equal(symlink(other, mbox_fixture_file(f, JOURNAL)), 0);
	mbox_fixture_open(f);
	mbox_fixture_close(f);
	mbox_fixture_expect(f, A B C);
	assert_int_equal(unlink(mbox_fixture_file(f, JOURNAL)), 0);
	assert_int_equal(link(other, mbox_fixture_file(f, JOURNAL)), 0);
	mbox_fixture_open(f);
	mbox_fixture_close(f);
	mbox_fixture_expect(f, A B C);
	assert_int_equal(unlink(other), 0);
	if (geteuid() == 0) {
		assert_int_equal(chown(mbox_fixture_file(f, JOURNAL), 65534, 65534), 0);
		mbox_fixture_open(f);
		mbox_fixture_close(f);
		mbox_fixture_expect(f, A B C);
		assert_int_equal(chown(mbox_fixture_file(f, JOURNAL), 0, 0), 0);
	}
	expect_after(f, B);
}

/* The journal may stand in the home while the lock is beside the mbox. */
static void
journal_in_the_home(void **state)
{
	struct mbox_fixture *f = *state;
	const struct mbox *box;
	char home[1024];

	crash(f, STEP_HALF_COPIED);
	assert_int_equal(
		mailstore_mbox.open(&f->store, AT_FDCWD, f->path, &f->options), MAIL_OK);
	box = (const struct mbox *)f->store;
	snprintf(home, sizeof home, "%s/%s", f->home, box->places[1].journal);
	mbox_fixture_close(f);
	assert_int_equal(rename(mbox_fixture_file(f, JOURNAL), home), 0);
	mbox_fixture_append(f->path, D, strlen(D));
	expect_after(f, B D);
	assert_int_equal(mbox_fixture_hidden(f, "home"), 1);
}

#define TEST(function)                                                                   \
	cmocka_unit_test_setup_teardown(                                                 \
		function, mbox_fixture_set_up, mbox_fixture_tear_down)

int
test_mbox_recover(void)
{
	const struct CMUnitTest tests[] = {
		TEST(finishes_at_every_step),
		TEST(mail_delivered_in_between),
		TEST(same_mail_delivered_again),
		TEST(damaged_journal),
		TEST(journal_of_the_first_version),
		TEST(other_mbox),
		TEST(foreign_journal),
		TEST(journal_in_the_home),
	};

	return cmocka_run_group_tests_name("mbox_recover", tests, NULL, NULL);
}
