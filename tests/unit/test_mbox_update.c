#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "mailstore/mbox.h"
#include "tests/unit/mbox_fixture.h"
#include "tests/unit/tests.h"

#define FROM "From a@b Tue Nov 23 15:28:00 2025\n"
#define A FROM "Subject: a\n\naa\n\n"
#define B FROM "Subject: b\n\nbbbb\n\n"
#define C FROM "Subject: c\n\ncc\n\n"
#define D "From d@e Tue Nov 23 15:30:00 2025\nSubject: d\n\ndd\n\n"
#define PSEUDO                                                                           \
	"From MAILER-DAEMON Tue Nov 23 15:28:00 2025\n"                                  \
	"Subject: DON'T DELETE THIS MESSAGE -- FOLDER INTERNAL DATA\n"                   \
	"X-IMAP: 1 2\n\ntext\n\n"
#define MAX 64

/* Delete those whose bit is set; removed must be their number, or 0. */
static enum mail_status
update(struct mbox_fixture *f, unsigned mask)
{
	const unsigned char deleted[] = {(unsigned char)mask, (unsigned char)(mask >> 8)};
	size_t removed = 99;
	const enum mail_status status =
		mailstore_mbox.update(f->store, deleted, &removed);

	assert_int_equal(
		removed, status == MAIL_OK ? (size_t)__builtin_popcount(mask) : 0);
	return status;
}

static void
check_clean(const struct mbox_fixture *f)
{
	/* The file of the session lock stays. */
	assert_int_equal(mbox_fixture_hidden(f, "spool"), 1);
	assert_int_equal(mbox_fixture_hidden(f, "home"), 1);
	assert_false(mbox_fixture_has(f, "spool/box.lock"));
}

static void
removes(void **state)
{
	struct mbox_fixture *f = *state;
	static const char *const left[] = {A B C, B C, A C, C, A B, B, A, ""};
	struct stat before, after;

	for (unsigned mask = 0; mask < 8; mask++) {
		mbox_fixture_put(f, A B C);
		assert_int_equal(chmod(f->path, 0640), 0);
		assert_int_equal(stat(f->path, &before), 0);
		mbox_fixture_open(f);
		assert_int_equal(f->count, 3);
		assert_int_equal(update(f, mask), MAIL_OK);
		mbox_fixture_close(f);
		mbox_fixture_expect(f, left[mask]);
		assert_int_equal(stat(f->path, &after), 0);
		assert_int_equal(after.st_ino, before.st_ino);
		assert_int_equal(after.st_mode, before.st_mode);
		check_clean(f);
	}
}

static void
nothing_marked(void **state)
{
	struct mbox_fixture *f = *state;
	struct stat before, after;

	mbox_fixture_put(f, A B);
	mbox_fixture_open(f);
	assert_int_equal(stat(f->path, &before), 0);
	assert_int_equal(update(f, 0), MAIL_OK);
	assert_int_equal(stat(f->path, &after), 0);
	assert_true(mbox_file_same(&before, &after));
	assert_int_equal(before.st_atim.tv_nsec, after.st_atim.tv_nsec);
}

static void
keeps_the_pseudo_message(void **state)
{
	struct mbox_fixture *f = *state;

	mbox_fixture_put(f, PSEUDO A B);
	mbox_fixture_open(f);
	assert_int_equal(f->count, 2);
	assert_int_equal(update(f, 1), MAIL_OK);
	mbox_fixture_close(f);
	mbox_fixture_expect(f, PSEUDO B);
	mbox_fixture_open(f);
	assert_int_equal(update(f, 1), MAIL_OK);
	mbox_fixture_expect(f, PSEUDO);
}

/* What an agent appends, behind what is left of A B for each set of marks. */
static void
append_case(struct mbox_fixture *f, const char *box, const char *appended, unsigned mask,
	const char *left)
{
	mbox_fixture_put(f, box);
	mbox_fixture_open(f);
	mbox_fixture_append(f->path, appended, strlen(appended));
	assert_int_equal(update(f, mask), MAIL_OK);
	mbox_fixture_close(f);
	mbox_fixture_expect(f, left);
	check_clean(f);
}

static void
appended_mail_survives(void **state)
{
	struct mbox_fixture *f = *state;

	append_case(f, A B, C D, 1, B C D);
	append_case(f, A B, C D, 2, A C D);
	append_case(f, A B, C D, 3, C D);
	/* Some agents write the empty line before the message, not behind it. */
	append_case(f, FROM "a", "\n\n" C, 1, C);
	append_case(f, A FROM "b\n", "\n" C, 2, A C);
	append_case(f, A FROM "b", "\r\n\r\n" C, 2, A C);
	append_case(f, A FROM "b\n", "\n" C, 1, FROM "b\n\n" C);
	append_case(f, A FROM "b\n", C, 1, FROM "b\n" C);
	append_case(f, A FROM "b\n", C, 2, A C);
	append_case(f, A B, "\n\n", 2, A);
	append_case(f, A B, "\n\n", 3, "");
}

static void
appended_text_is_no_mail(void **state)
{
	struct mbox_fixture *f = *state;

	mbox_fixture_put(f, A B);
	mbox_fixture_open(f);
	mbox_fixture_append(f->path, "the rest\n", 9);
	assert_int_equal(update(f, 2), MAIL_CHANGED);
	mbox_fixture_close(f);
	mbox_fixture_expect(f, A B "the rest\n");
	/* It is of no matter if its message stays. */
	append_case(f, A B, "the rest\n", 1, B "the rest\n");
}

static void
changed_case(struct mbox_fixture *f, const char *now)
{
	mbox_fixture_put(f, A B C);
	mbox_fixture_open(f);
	mbox_fixture_put(f, now);
	assert_int_equal(update(f, 2), MAIL_CHANGED);
	mbox_fixture_close(f);
	mbox_fixture_expect(f, now);
	check_clean(f);
}

static void
changes_are_noticed(void **state)
{
	struct mbox_fixture *f = *state;

	changed_case(f, "");
	changed_case(f, A B);
	changed_case(f, B C);
	changed_case(f, A C D D D);
	changed_case(f, B A C);
	changed_case(f, A B FROM "Subject: x\n\ncc\n\n");
	changed_case(f, A B FROM "Subject: c\n\nc\n\n\n");
	changed_case(f,
		"something else of the same length or more, but no mbox at all: "
		"something else of the same length or more, but no mbox at all: ");
}

static void
replaced_file_is_noticed(void **state)
{
	struct mbox_fixture *f = *state;
	char other[1024];

	mbox_fixture_put(f, A B C);
	mbox_fixture_open(f);
	snprintf(other, sizeof other, "%s", mbox_fixture_file(f, "spool/other"));
	mbox_fixture_write(other, A B C, strlen(A B C));
	assert_int_equal(rename(other, f->path), 0);
	assert_int_equal(update(f, 1), MAIL_CHANGED);
	assert_int_equal(unlink(f->path), 0);
	assert_int_equal(update(f, 1), MAIL_CHANGED);
}

static void
locked_mbox_stays(void **state)
{
	struct mbox_fixture *f = *state;

	mbox_fixture_put(f, A B);
	mbox_fixture_open(f);
	mbox_fixture_write(mbox_fixture_file(f, "spool/box.lock"), "1:else", 6);
	assert_int_equal(update(f, 1), MAIL_TEMP);
	mbox_fixture_expect(f, A B);
}

/* No room for the journal: nothing is changed, and no signal kills. */
static void
no_room_for_the_journal(void **state)
{
	struct mbox_fixture *f = *state;
	struct rlimit before, small;

	mbox_fixture_put(f, A B C);
	mbox_fixture_open(f);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
	small = before;
	small.rlim_cur = strlen(A B C);
	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
	assert_int_equal(update(f, 1), MAIL_TEMP);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
	signal(SIGXFSZ, SIG_DFL);
	mbox_fixture_close(f);
	mbox_fixture_expect(f, A B C);
	check_clean(f);
}

/* Copy the raw bytes of those that stay, separators and all. */
static struct bytes
naive_update(const struct bytes *box, const struct mbox_entry *entries, size_t n,
	const bool *deleted, const char *appended)
{
	const size_t length = strlen(appended);
	struct bytes left = {malloc(box->n + length + 1), 0};

	assert_non_null(left.p);
	for (size_t i = 0; i < n; i++) {
		const size_t from = (size_t)entries[i].from;
		const size_t end = i + 1 < n ? (size_t)entries[i + 1].from : box->n;

		if (!deleted[i]) {
			memcpy(left.p + left.n, box->p + from, end - from);
			left.n += end - from;
		}
	}
	memcpy(left.p + left.n, appended, length);
	left.n += length;
	return left;
}

/* The messages of `left` must be those that were not deleted, byte for byte. */
static void
same_messages(const struct bytes *box, const struct mbox_entry *entries, size_t n,
	const bool *deleted, const struct bytes *left)
{
	struct mbox_entry now[MAX];
	const size_t found = mbox_fixture_model(left->p, left->n, now, MAX);
	size_t k = 0;

	for (size_t i = 0; i < n; i++) {
		if (deleted[i])
			continue;
		assert_true(k < found);
		assert_int_equal(now[k].length, entries[i].length);
		assert_int_equal(now[k].hash, entries[i].hash);
		assert_memory_equal(left->p + now[k].start, box->p + entries[i].start,
			(size_t)entries[i].length);
		k++;
	}
	assert_int_equal(k, found);
}

static void
random_boxes(void **state)
{
	struct mbox_fixture *f = *state;
	struct mbox_entry entries[MAX];

	for (unsigned seed = 0; seed < 400; seed++) {
		struct bytes box = mbox_fixture_random(seed * 77), left, wanted;
		const size_t n = mbox_fixture_model(box.p, box.n, entries, MAX);
		const char *appended = seed % 3 == 0 ? D : "";
		unsigned char marks[MAX / 8] = {0};
		bool deleted[MAX];
		size_t removed, count = 0;

		for (size_t i = 0; i < n; i++) {
			deleted[i] = (seed * 2654435761u >> (i % 30) & 1) != 0;
			marks[i / 8] |= (unsigned char)(deleted[i] << i % 8);
			count += deleted[i];
		}
		mbox_fixture_write(f->path, box.p, box.n);
		mbox_fixture_open(f);
		assert_int_equal(f->count, n);
		mbox_fixture_append(f->path, appended, strlen(appended));
		assert_int_equal(
			mailstore_mbox.update(f->store, marks, &removed), MAIL_OK);
		assert_int_equal(removed, count);
		mbox_fixture_close(f);
		left = mbox_fixture_read(f->path);
		wanted = naive_update(&box, entries, n, deleted, appended);
		assert_int_equal(left.n, wanted.n);
		assert_memory_equal(left.p, wanted.p, wanted.n);
		if (*appended == '\0')
			same_messages(&box, entries, n, deleted, &left);
		free(box.p);
		free(left.p);
		free(wanted.p);
	}
	check_clean(f);
}

#define TEST(function)                                                                   \
	cmocka_unit_test_setup_teardown(                                                 \
		function, mbox_fixture_set_up, mbox_fixture_tear_down)

int
test_mbox_update(void)
{
	const struct CMUnitTest tests[] = {
		TEST(removes),
		TEST(nothing_marked),
		TEST(keeps_the_pseudo_message),
		TEST(appended_mail_survives),
		TEST(appended_text_is_no_mail),
		TEST(changes_are_noticed),
		TEST(replaced_file_is_noticed),
		TEST(locked_mbox_stays),
		TEST(no_room_for_the_journal),
		TEST(random_boxes),
	};

	return cmocka_run_group_tests_name("mbox_update", tests, NULL, NULL);
}
