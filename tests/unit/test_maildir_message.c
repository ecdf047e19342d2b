#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/unit/maildir_fixture.h"
#include "tests/unit/tests.h"

static uint64_t
octets_of(struct maildir_fixture *f, size_t i)
{
	uint64_t octets;

	assert_int_equal(mailstore_maildir.octets(f->store, i, &octets), MAIL_OK);
	return octets;
}

/* Read message i in pieces of `cap` and compare. */
static void
assert_text(
	struct maildir_fixture *f, size_t i, size_t cap, const char *text, size_t size)
{
	struct mail_message *message;
	char *buf = malloc(size + cap);
	size_t total = 0, n;

	assert_non_null(buf);
	assert_int_equal(mailstore_maildir.message_open(f->store, i, &message), MAIL_OK);
	do {
		assert_true(total <= size);
		assert_int_equal(
			mailstore_maildir.message_read(message, buf + total, cap, &n),
			MAIL_OK);
		total += n;
	} while (n > 0);
	assert_int_equal(total, size);
	assert_memory_equal(buf, text, size);
	/* The end stays the end. */
	assert_int_equal(mailstore_maildir.message_read(message, buf, cap, &n), MAIL_OK);
	assert_int_equal(n, 0);
	mailstore_maildir.message_close(message);
	free(buf);
}

static enum mail_status
try_message(struct maildir_fixture *f, size_t i)
{
	struct mail_message *message;
	const enum mail_status status =
		mailstore_maildir.message_open(f->store, i, &message);

	if (status == MAIL_OK)
		mailstore_maildir.message_close(message);
	return status;
}

/* What a name says of the size (S=, W=) is never believed. */
static void
test_count_is_exact(void **state)
{
	struct maildir_fixture *f = *state;

	maildir_fixture_put(f, "cur/1.a,S=9999,W=9999:2,", "a\nb\r\nc");
	maildir_fixture_put(f, "new/2.a", "");
	maildir_fixture_open(f);
	assert_int_equal(octets_of(f, 0), 9);
	assert_int_equal(octets_of(f, 1), 0);
	assert_int_equal(octets_of(f, 0), 9);
}

static void
test_read(void **state)
{
	struct maildir_fixture *f = *state;

	maildir_fixture_put(f, "new/1.a", "Subject: x\r\n\n.dot\n");
	maildir_fixture_put(f, "new/2.a", "");
	maildir_fixture_open(f);
	for (size_t cap = 1; cap < 30; cap++)
		assert_text(f, 0, cap, "Subject: x\r\n\n.dot\n", 18);
	assert_text(f, 1, 10, "", 0);
	/* Once its octets are known too. */
	assert_int_equal(octets_of(f, 0), 20);
	assert_text(f, 0, 100, "Subject: x\r\n\n.dot\n", 18);
	assert_int_equal(f->logged, 0);
}

static void
test_large(void **state)
{
	struct maildir_fixture *f = *state;
	const size_t size = 1000000;
	char *text = malloc(size + 1);

	assert_non_null(text);
	for (size_t i = 0; i < size; i++)
		text[i] = i % 50 == 49 ? '\n' : 'x';
	text[size] = '\0';
	maildir_fixture_put(f, "new/1.a", text);
	maildir_fixture_open(f);
	assert_int_equal(octets_of(f, 0), size + size / 50);
	assert_text(f, 0, 4096, text, size);
	assert_text(f, 0, 100000, text, size);
	free(text);
}

/* Other programs set flags and move messages while we serve them. */
static void
test_renamed(void **state)
{
	struct maildir_fixture *f = *state;

	maildir_fixture_put(f, "new/1.a", "one\n");
	maildir_fixture_put(f, "cur/2.a:2,", "two\n");
	maildir_fixture_put(f, "cur/3.a:2,", "three\n");
	maildir_fixture_open(f);
	maildir_fixture_rename(f, "new/1.a", "cur/1.a:2,S");
	maildir_fixture_rename(f, "cur/2.a:2,", "cur/2.a:2,FRS");
	assert_int_equal(octets_of(f, 0), 5);
	assert_text(f, 1, 100, "two\n", 4);
	maildir_fixture_rename(f, "cur/3.a:2,", "cur/3.a:2,S");
	assert_text(f, 2, 100, "three\n", 6);
	maildir_fixture_rename(f, "cur/3.a:2,S", "new/3.a");
	assert_text(f, 2, 100, "three\n", 6);
}

static void
test_gone(void **state)
{
	struct maildir_fixture *f = *state;
	uint64_t octets;

	maildir_fixture_put(f, "new/1.a", "one\n");
	maildir_fixture_put(f, "new/2.a", "two\n");
	maildir_fixture_open(f);
	assert_int_equal(unlink(maildir_fixture_file(f, "new/1.a")), 0);
	assert_int_equal(mailstore_maildir.octets(f->store, 0, &octets), MAIL_GONE);
	assert_int_equal(try_message(f, 0), MAIL_GONE);
	assert_int_equal(octets_of(f, 1), 5);
	assert_int_equal(f->logged, 0);
}

/* LIST has promised octets: another text under the same name is not that message. */
static void
test_changed(void **state)
{
	const struct timespec times[2] = {{.tv_sec = 1000000000}, {.tv_sec = 1000000000}};
	struct maildir_fixture *f = *state;

	maildir_fixture_put(f, "new/1.a", "one\n");
	maildir_fixture_put(f, "new/2.a", "one\n");
	maildir_fixture_put(f, "new/3.a", "one\n");
	maildir_fixture_put(f, "new/4.a", "one\n");
	maildir_fixture_open(f);
	for (size_t i = 0; i < 3; i++)
		assert_int_equal(octets_of(f, i), 5);
	/* Begins as before, but there is more of it. */
	maildir_fixture_put(f, "new/1.a", "one\ntwo\n");
	assert_int_equal(try_message(f, 0), MAIL_CHANGED);
	/* As long as before, but more lines. */
	maildir_fixture_put(f, "new/2.a", "o\n\n\n");
	assert_int_equal(
		utimensat(AT_FDCWD, maildir_fixture_file(f, "new/2.a"), times, 0), 0);
	assert_int_equal(try_message(f, 1), MAIL_CHANGED);
	/* Only the time is new. */
	assert_int_equal(
		utimensat(AT_FDCWD, maildir_fixture_file(f, "new/3.a"), times, 0), 0);
	assert_text(f, 2, 3, "one\n", 4);
	/* Nothing was promised yet. */
	maildir_fixture_put(f, "new/4.a", "four\n");
	assert_text(f, 3, 100, "four\n", 5);
}

/* A message that ends before its time is torn, and never looks whole. */
static void
test_truncated_while_read(void **state)
{
	struct maildir_fixture *f = *state;
	struct mail_message *message;
	char buf[4];
	size_t n;

	maildir_fixture_put(f, "new/1.a", "0123456789\n");
	maildir_fixture_open(f);
	assert_int_equal(mailstore_maildir.message_open(f->store, 0, &message), MAIL_OK);
	assert_int_equal(mailstore_maildir.message_read(message, buf, 4, &n), MAIL_OK);
	assert_int_equal(n, 4);
	assert_int_equal(truncate(maildir_fixture_file(f, "new/1.a"), 4), 0);
	assert_int_equal(mailstore_maildir.message_read(message, buf, 4, &n), MAIL_TEMP);
	assert_int_equal(f->logged, 1);
	mailstore_maildir.message_close(message);
	mailstore_maildir.message_close(NULL);
}

static void
test_growing_while_read(void **state)
{
	struct maildir_fixture *f = *state;
	struct mail_message *message;
	char buf[100];
	size_t n;
	int fd;

	maildir_fixture_put(f, "new/1.a", "0123456789\n");
	maildir_fixture_open(f);
	assert_int_equal(mailstore_maildir.message_open(f->store, 0, &message), MAIL_OK);
	fd = open(maildir_fixture_file(f, "new/1.a"), O_WRONLY | O_APPEND | O_CLOEXEC);
	assert_int_equal(write(fd, "more\n", 5), 5);
	close(fd);
	assert_int_equal(mailstore_maildir.message_read(message, buf, 100, &n), MAIL_OK);
	assert_int_equal(n, 11);
	assert_int_equal(mailstore_maildir.message_read(message, buf, 100, &n), MAIL_OK);
	assert_int_equal(n, 0);
	mailstore_maildir.message_close(message);
}

/* Put in the place of a message after load: neither followed nor waited for. */
static void
test_replaced(void **state)
{
	struct maildir_fixture *f = *state;

	maildir_fixture_put(f, "new/1.a", "");
	maildir_fixture_put(f, "new/2.a", "");
	maildir_fixture_put(f, "new/3.a", "");
	maildir_fixture_open(f);
	assert_int_equal(unlink(maildir_fixture_file(f, "new/1.a")), 0);
	assert_int_equal(symlink("/etc/passwd", maildir_fixture_file(f, "new/1.a")), 0);
	assert_int_equal(unlink(maildir_fixture_file(f, "new/2.a")), 0);
	assert_int_equal(mkfifo(maildir_fixture_file(f, "new/2.a"), 0600), 0);
	assert_int_equal(unlink(maildir_fixture_file(f, "new/3.a")), 0);
	assert_int_equal(mkdir(maildir_fixture_file(f, "new/3.a"), 0700), 0);
	for (size_t i = 0; i < 3; i++)
		assert_int_equal(try_message(f, i), MAIL_PERM);
	assert_int_equal(f->logged, 1);
}

#define TEST(name)                                                                       \
	cmocka_unit_test_setup_teardown(                                                 \
		name, maildir_fixture_set_up, maildir_fixture_tear_down)

int
test_maildir_message(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_count_is_exact),
		TEST(test_read),
		TEST(test_large),
		TEST(test_renamed),
		TEST(test_gone),
		TEST(test_changed),
		TEST(test_truncated_while_read),
		TEST(test_growing_while_read),
		TEST(test_replaced),
	};

	return cmocka_run_group_tests_name("maildir_message", tests, NULL, NULL);
}
