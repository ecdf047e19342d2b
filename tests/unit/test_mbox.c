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

#include "tests/unit/mbox_fixture.h"
#include "tests/unit/tests.h"

#define FROM "From a@b Tue Nov 23 15:28:00 2025\n"
#define A FROM "Subject: a\n\naa\n\n"
#define B FROM "Subject: b\n\nbbbb\n\n"
#define C FROM "Subject: c\n\ncc\n\n"
#define PSEUDO                                                                           \
	"From MAILER-DAEMON Tue Nov 23 15:28:00 2025\n"                                  \
	"Subject: DON'T DELETE THIS MESSAGE -- FOLDER INTERNAL DATA\n"                   \
	"X-IMAP: 1 2\n\ntext\n\n"

static enum mail_status
open_and_load(struct mbox_fixture *f)
{
	enum mail_status status;

	status = mailstore_mbox.open(&f->store, AT_FDCWD, f->path, &f->options);
	if (status == MAIL_OK) {
		status = mailstore_mbox.load(f->store, &f->count);
		mbox_fixture_close(f);
	}
	return status;
}

static void
expect_message(struct mbox_fixture *f, size_t i, const char *text)
{
	struct bytes message;

	for (size_t chunk = 1; chunk < 100; chunk += 31) {
		assert_int_equal(mbox_fixture_message(f, i, chunk, &message), MAIL_OK);
		assert_string_equal((char *)message.p, text);
		free(message.p);
	}
}

static void
serves_messages(void **state)
{
	struct mbox_fixture *f = *state;
	uint64_t octets;

	mbox_fixture_put(f, PSEUDO A B);
	mbox_fixture_open(f);
	assert_int_equal(f->count, 2);
	expect_message(f, 1, "Subject: b\n\nbbbb\n");
	expect_message(f, 0, "Subject: a\n\naa\n");
	assert_int_equal(mailstore_mbox.octets(f->store, 0, &octets), MAIL_OK);
	assert_int_equal(octets, strlen("Subject: a\r\n\r\naa\r\n"));
	assert_int_equal(f->logged, 0);
}

static void
missing_and_empty(void **state)
{
	struct mbox_fixture *f = *state;
	size_t removed = 9;

	mbox_fixture_open(f);
	assert_int_equal(f->count, 0);
	assert_int_equal(
		mailstore_mbox.update(f->store, (const unsigned char *)"", &removed),
		MAIL_OK);
	assert_int_equal(removed, 0);
	mbox_fixture_close(f);
	assert_false(mbox_fixture_has(f, "spool/box"));
	mbox_fixture_put(f, "");
	mbox_fixture_open(f);
	assert_int_equal(f->count, 0);
}

/* A file that appears, or is replaced, between open and load is the one that counts. */
static void
file_appears_after_open(void **state)
{
	struct mbox_fixture *f = *state;
	char other[1024];

	assert_int_equal(
		mailstore_mbox.open(&f->store, AT_FDCWD, f->path, &f->options), MAIL_OK);
	mbox_fixture_put(f, A);
	assert_int_equal(mailstore_mbox.load(f->store, &f->count), MAIL_OK);
	assert_int_equal(f->count, 1);
	mbox_fixture_close(f);
	assert_int_equal(
		mailstore_mbox.open(&f->store, AT_FDCWD, f->path, &f->options), MAIL_OK);
	snprintf(other, sizeof other, "%s", mbox_fixture_file(f, "spool/other"));
	mbox_fixture_write(other, A B C, strlen(A B C));
	assert_int_equal(rename(other, f->path), 0);
	assert_int_equal(mailstore_mbox.load(f->store, &f->count), MAIL_OK);
	assert_int_equal(f->count, 3);
	expect_message(f, 2, "Subject: c\n\ncc\n");
}

static void
not_an_mbox(void **state)
{
	struct mbox_fixture *f = *state;

	mbox_fixture_put(f, "From: no\n\n" A);
	assert_int_equal(open_and_load(f), MAIL_PERM);
	assert_int_equal(f->logged, 1);
	assert_non_null(strstr(f->last_log, "not an mbox"));
	mbox_fixture_expect(f, "From: no\n\n" A);
}

static void
compressed(void **state)
{
	static const char *const heads[] = {"\x1f\x8b\x08 gzip", "\x28\xb5\x2f\xfd zstd"};
	struct mbox_fixture *f = *state;

	for (size_t i = 0; i < 2; i++) {
		mbox_fixture_put(f, heads[i]);
		assert_int_equal(open_and_load(f), MAIL_PERM);
		assert_int_equal(f->logged, i + 1);
		assert_non_null(strstr(f->last_log, "is compressed"));
		mbox_fixture_expect(f, heads[i]);
		mbox_fixture_close(f);
	}
}

static void
limits(void **state)
{
	struct mbox_fixture *f = *state;

	mbox_fixture_put(f, PSEUDO A B);
	f->options.max_messages = 2;
	f->options.max_octets = strlen(PSEUDO A B);
	assert_int_equal(open_and_load(f), MAIL_OK);
	f->options.max_octets--;
	assert_int_equal(open_and_load(f), MAIL_LIMIT);
	f->options.max_octets++;
	f->options.max_messages = 1;
	assert_int_equal(open_and_load(f), MAIL_LIMIT);
	mbox_fixture_put(f, A B C A B C);
	assert_int_equal(open_and_load(f), MAIL_LIMIT);
	f->options.max_messages = 6;
	assert_int_equal(open_and_load(f), MAIL_LIMIT);
	f->options.max_octets = UINT64_MAX;
	assert_int_equal(open_and_load(f), MAIL_OK);
	f->options.max_messages = 5;
	assert_int_equal(open_and_load(f), MAIL_LIMIT);
}

static void
unique_ids(void **state)
{
	struct mbox_fixture *f = *state;
	char a[MAIL_UID_MAX + 1], b[MAIL_UID_MAX + 1], twin[MAIL_UID_MAX + 1];

	mbox_fixture_put(f, A B A);
	mbox_fixture_open(f);
	assert_int_equal(mailstore_mbox.uid(f->store, 2, twin), MAIL_OK);
	assert_int_equal(mailstore_mbox.uid(f->store, 0, a), MAIL_OK);
	assert_int_equal(mailstore_mbox.uid(f->store, 1, b), MAIL_OK);
	assert_int_equal(strlen(a), 32);
	assert_int_equal(strspn(a, "0123456789abcdef"), 32);
	assert_string_not_equal(a, b);
	assert_memory_equal(twin, a, 32);
	assert_string_equal(twin + 32, ".2");
	mbox_fixture_close(f);
	/* The status that a mail reader writes does not change it. */
	mbox_fixture_put(f, FROM "Subject: a\nStatus: RO\n\naa\n\n" B);
	mbox_fixture_open(f);
	assert_int_equal(mailstore_mbox.uid(f->store, 0, twin), MAIL_OK);
	assert_string_equal(twin, a);
}

/*
 * Mails that differ in nothing but their bodies have ids of their own: numbers behind a
 * common id would be other messages' once one of them is deleted.
 */
static void
unique_ids_of_like_mails(void **state)
{
#define LIKE(body) FROM "Subject: cron\n\n" body "\n\n"
	struct mbox_fixture *f = *state;
	char first[MAIL_UID_MAX + 1], second[MAIL_UID_MAX + 1], now[MAIL_UID_MAX + 1];

	mbox_fixture_put(f, LIKE("1") LIKE("2"));
	mbox_fixture_open(f);
	assert_int_equal(mailstore_mbox.uid(f->store, 0, first), MAIL_OK);
	assert_int_equal(mailstore_mbox.uid(f->store, 1, second), MAIL_OK);
	assert_string_not_equal(first, second);
	mbox_fixture_close(f);
	mbox_fixture_put(f, LIKE("2") LIKE("3"));
	mbox_fixture_open(f);
	assert_int_equal(mailstore_mbox.uid(f->store, 0, now), MAIL_OK);
	assert_string_equal(now, second);
	assert_int_equal(mailstore_mbox.uid(f->store, 1, now), MAIL_OK);
	assert_string_not_equal(now, second);
	assert_string_not_equal(now, first);
#undef LIKE
}

/* Empty lines before the first message stay in the file, whatever is deleted. */
static void
begins_with_empty_lines(void **state)
{
	struct mbox_fixture *f = *state;
	size_t removed;

	mbox_fixture_put(f, "\n\r\n");
	mbox_fixture_open(f);
	assert_int_equal(f->count, 0);
	mbox_fixture_close(f);
	mbox_fixture_put(f, "\n" A B);
	mbox_fixture_open(f);
	assert_int_equal(f->count, 2);
	expect_message(f, 0, "Subject: a\n\naa\n");
	assert_int_equal(
		mailstore_mbox.update(f->store, (const unsigned char *)"\1", &removed),
		MAIL_OK);
	mbox_fixture_close(f);
	mbox_fixture_expect(f, "\n" B);
	mbox_fixture_open(f);
	assert_int_equal(
		mailstore_mbox.update(f->store, (const unsigned char *)"\1", &removed),
		MAIL_OK);
	assert_int_equal(removed, 1);
	mbox_fixture_close(f);
	mbox_fixture_expect(f, "\n");
}

static void
long_sender(void **state)
{
	struct mbox_fixture *f = *state;
	char text[4000];

	snprintf(text, sizeof text, A "From %03000d@x Tue Nov 23 15:28:00 2025\n\n" B, 0);
	mbox_fixture_put(f, text);
	mbox_fixture_open(f);
	assert_int_equal(f->count, 3);
	expect_message(f, 2, "Subject: b\n\nbbbb\n");
	expect_message(f, 1, "");
}

static void
second_session_is_busy(void **state)
{
	struct mbox_fixture *f = *state;
	struct mailstore *second = NULL;

	mbox_fixture_put(f, A);
	mbox_fixture_open(f);
	assert_int_equal(
		mailstore_mbox.open(&second, AT_FDCWD, f->path, &f->options), MAIL_BUSY);
	assert_null(second);
	mbox_fixture_close(f);
	assert_int_equal(open_and_load(f), MAIL_OK);
}

static void
delivery_lock_is_respected(void **state)
{
	struct mbox_fixture *f = *state;

	mbox_fixture_put(f, A);
	mbox_fixture_write(mbox_fixture_file(f, "spool/box.lock"), "1:else", 6);
	assert_int_equal(open_and_load(f), MAIL_TEMP);
	assert_int_equal(unlink(mbox_fixture_file(f, "spool/box.lock")), 0);
	assert_int_equal(open_and_load(f), MAIL_OK);
	/* Nothing is held during the session. */
	mbox_fixture_open(f);
	assert_false(mbox_fixture_has(f, "spool/box.lock"));
}

static void
changes_during_the_session(void **state)
{
	struct mbox_fixture *f = *state;
	struct mail_message *message;
	struct bytes bytes;
	char buf[64];
	size_t n;

	mbox_fixture_put(f, A B);
	mbox_fixture_open(f);
	mbox_fixture_append(f->path, C, strlen(C));
	expect_message(f, 1, "Subject: b\n\nbbbb\n");
	/* Another program removes the first message while the second is read. */
	assert_int_equal(mailstore_mbox.message_open(f->store, 1, &message), MAIL_OK);
	assert_int_equal(mailstore_mbox.message_read(message, buf, 5, &n), MAIL_OK);
	mbox_fixture_put(f, B C C C);
	assert_int_equal(
		mailstore_mbox.message_read(message, buf, sizeof buf, &n), MAIL_CHANGED);
	mailstore_mbox.message_close(message);
	assert_int_equal(mbox_fixture_message(f, 1, 10, &bytes), MAIL_CHANGED);
	/* Or writes another message over this one, of the same From_ line. */
	mbox_fixture_put(f, A B);
	assert_int_equal(mailstore_mbox.message_open(f->store, 0, &message), MAIL_OK);
	mbox_fixture_put(f, FROM "Subject: a\n\nanother\n\n" B);
	assert_int_equal(mailstore_mbox.message_read(message, buf, 5, &n), MAIL_CHANGED);
	mailstore_mbox.message_close(message);
	/* Or cuts the file. */
	mbox_fixture_put(f, A);
	assert_int_equal(mbox_fixture_message(f, 1, 10, &bytes), MAIL_CHANGED);
}

/*
 * A mail reader notes in the last message that it was read.  What is left of it up to its
 * old length has the octets promised, but is torn.
 */
static void
last_message_grows(void **state)
{
	static const char *const others[] = {
		A FROM "Subject: b\nStatus: RO\n\nbbbb\n\n\n\n\n\n\n\n\n\n\n\n\n\n",
		A FROM "Subject: b\n\nbbbb\nand more\n\n",
		A B "\n\n",
		A B "no mail\n" C,
		A B "Fr\n",
		A B "From x\n",
	};
	static const char *const good[] = {
		A B C, A B "\n" C, A B "F", A B "\n\nFrom ", A B "From somebody", A B};
	struct mbox_fixture *f = *state;
	struct mail_message *message;
	struct bytes bytes;
	char buf[64];
	size_t n;

	mbox_fixture_put(f, A B);
	mbox_fixture_open(f);
	for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
		mbox_fixture_put(f, A B);
		assert_int_equal(
			mailstore_mbox.message_open(f->store, 1, &message), MAIL_OK);
		assert_int_equal(
			mailstore_mbox.message_read(message, buf, 5, &n), MAIL_OK);
		mbox_fixture_put(f, others[i]);
		assert_int_equal(
			mailstore_mbox.message_read(message, buf, 5, &n), MAIL_CHANGED);
		mailstore_mbox.message_close(message);
		assert_int_equal(mbox_fixture_message(f, 1, 10, &bytes), MAIL_CHANGED);
	}
	for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
		mbox_fixture_put(f, good[i]);
		expect_message(f, 1, "Subject: b\n\nbbbb\n");
	}
}

/* The same in a message before the last: it moves the From_ line behind it. */
static void
other_message_grows(void **state)
{
	struct mbox_fixture *f = *state;
	struct bytes bytes;

	mbox_fixture_put(f, A B C);
	mbox_fixture_open(f);
	mbox_fixture_put(f, A FROM "Subject: b\nStatus: RO\n\nbbbb\n\n" C);
	assert_int_equal(mbox_fixture_message(f, 1, 10, &bytes), MAIL_CHANGED);
	expect_message(f, 0, "Subject: a\n\naa\n");
}

/* LIST has promised octets: a message that gets others must not seem whole. */
static void
other_octets_than_promised(void **state)
{
	struct mbox_fixture *f = *state;
	struct bytes bytes;

	mbox_fixture_put(f, A B);
	mbox_fixture_open(f);
	mbox_fixture_put(f, FROM "Subject: a\n\na\n\n\n" B);
	assert_int_equal(mbox_fixture_message(f, 0, 10, &bytes), MAIL_CHANGED);
	free(bytes.p);
}

#define TEST(function)                                                                   \
	cmocka_unit_test_setup_teardown(                                                 \
		function, mbox_fixture_set_up, mbox_fixture_tear_down)

int
test_mbox(void)
{
	const struct CMUnitTest tests[] = {
		TEST(serves_messages),
		TEST(missing_and_empty),
		TEST(file_appears_after_open),
		TEST(not_an_mbox),
		TEST(compressed),
		TEST(limits),
		TEST(unique_ids),
		TEST(unique_ids_of_like_mails),
		TEST(begins_with_empty_lines),
		TEST(long_sender),
		TEST(second_session_is_busy),
		TEST(delivery_lock_is_respected),
		TEST(changes_during_the_session),
		TEST(last_message_grows),
		TEST(other_message_grows),
		TEST(other_octets_than_promised),
	};

	return cmocka_run_group_tests_name("mbox", tests, NULL, NULL);
}
