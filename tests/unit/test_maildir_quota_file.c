#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "mailstore/maildir_quota_file.h"
#include "tests/unit/maildir_fixture.h"
#include "tests/unit/tests.h"

#define HEAD "10000S,100C\n"

/* A session that removes the messages of a bitmap. */
static void
remove_messages(struct maildir_fixture *f, unsigned char deleted, size_t removed)
{
	size_t n = 99;

	assert_int_equal(mailstore_maildir.update(f->store, &deleted, &n), MAIL_OK);
	assert_int_equal(n, removed);
	maildir_fixture_close(f);
}

static void
assert_file(const struct maildir_fixture *f, const char *name, const char *text)
{
	char found[8192];
	const int fd = open(maildir_fixture_file(f, name), O_RDONLY | O_CLOEXEC);
	ssize_t n;

	assert_true(fd >= 0);
	n = read(fd, found, sizeof(found) - 1);
	assert_true(n >= 0);
	assert_int_equal(close(fd), 0);
	found[n] = '\0';
	assert_string_equal(found, text);
}

static void
test_one_line(void **state)
{
	struct maildir_fixture *f = *state;

	maildir_fixture_put(f, "maildirsize", HEAD "900 4\n");
	maildir_fixture_put(f, "cur/1.a,S=700:2,S", "lies");
	maildir_fixture_put(f, "cur/2.a:2,S", "12345");
	maildir_fixture_put(f, "new/3.a", "123");
	maildir_fixture_put(f, "new/4.a", "stays");
	maildir_fixture_open(f);
	remove_messages(f, 0x7, 3);
	assert_file(f, "maildirsize", HEAD "900 4\n        -708           -3\n");
	assert_int_equal(f->logged, 0);
}

/* Without one it is not made; without a removal nothing is written. */
static void
test_no_line(void **state)
{
	struct maildir_fixture *f = *state;

	maildir_fixture_put(f, "cur/1.a:2,S", "1");
	maildir_fixture_put(f, "cur/2.a:2,S", "1");
	maildir_fixture_open(f);
	remove_messages(f, 0x1, 1);
	assert_false(maildir_fixture_has(f, "maildirsize"));
	maildir_fixture_put(f, "maildirsize", HEAD "900 4\n");
	maildir_fixture_open(f);
	remove_messages(f, 0, 0);
	assert_file(f, "maildirsize", HEAD "900 4\n");
	/* Who removed it has written a line about it. */
	maildir_fixture_open(f);
	assert_int_equal(unlink(maildir_fixture_file(f, "cur/2.a:2,S")), 0);
	remove_messages(f, 0x1, 1);
	assert_file(f, "maildirsize", HEAD "900 4\n");
	assert_int_equal(f->logged, 0);
}

/* Twins are one message, rivals two; what is trashed counts no more. */
static void
test_counts_once(void **state)
{
	struct maildir_fixture *f = *state;
	char path[1024];

	maildir_fixture_put(f, "maildirsize", HEAD "900 4\n");
	maildir_fixture_put(f, "new/1.a", "12345");
	snprintf(path, sizeof(path), "%s/new/1.a", f->path);
	assert_int_equal(link(path, maildir_fixture_file(f, "cur/1.a:2,S")), 0);
	maildir_fixture_put(f, "cur/2.a:2,", "1");
	maildir_fixture_put(f, "new/2.a", "12");
	maildir_fixture_put(f, "cur/3.a:2,ST", "123");
	maildir_fixture_open(f);
	assert_int_equal(f->count, 4);
	remove_messages(f, 0xf, 4);
	assert_false(maildir_fixture_has(f, "new/1.a"));
	assert_file(f, "maildirsize", HEAD "900 4\n          -8           -3\n");
}

/* Flags decide as they are when the file goes. */
static void
test_renamed(void **state)
{
	struct maildir_fixture *f = *state;

	maildir_fixture_put(f, "maildirsize", HEAD "900 4\n");
	maildir_fixture_put(f, "cur/1.a:2,", "1");
	maildir_fixture_put(f, "cur/2.a:2,T", "12");
	maildir_fixture_put(f, "cur/3.a:2,", "123");
	maildir_fixture_open(f);
	maildir_fixture_rename(f, "cur/1.a:2,", "cur/1.a:2,T");
	maildir_fixture_rename(f, "cur/2.a:2,T", "cur/2.a:2,S");
	maildir_fixture_rename(f, "cur/3.a:2,", "cur/3.a:2,S");
	remove_messages(f, 0x7, 3);
	assert_file(f, "maildirsize", HEAD "900 4\n          -5           -2\n");
}

static void
make_folder(const struct maildir_fixture *f, const char *name)
{
	static const char *const directories[] = {"", "/new", "/cur", "/tmp"};
	char path[128];

	for (size_t i = 0; i < 4; i++) {
		snprintf(path, sizeof(path), "%s%s", name, directories[i]);
		assert_int_equal(mkdir(maildir_fixture_file(f, path), 0700), 0);
	}
	snprintf(path, sizeof(path), "%s/maildirfolder", name);
	maildir_fixture_put(f, path, "");
}

/* Serve a folder of the Maildir, and remove its first message. */
static void
serve_folder(struct maildir_fixture *f, const char *name)
{
	char path[128];

	make_folder(f, name);
	snprintf(path, sizeof(path), "%s/new/1.a", name);
	maildir_fixture_put(f, path, "1234");
	snprintf(path, sizeof(path), "%s", f->path);
	snprintf(f->path, sizeof(f->path), "%.80s/%s", path, name);
	maildir_fixture_open(f);
	remove_messages(f, 0x1, 1);
	snprintf(f->path, sizeof(f->path), "%s", path);
}

static void
test_folder(void **state)
{
	struct maildir_fixture *f = *state;

	maildir_fixture_put(f, "maildirsize", HEAD "900 4\n");
	serve_folder(f, ".Work");
	assert_file(f, "maildirsize", HEAD "900 4\n          -4           -1\n");
	assert_false(maildir_fixture_has(f, ".Work/maildirsize"));
}

static void
test_trash(void **state)
{
	struct maildir_fixture *f = *state;

	maildir_fixture_put(f, "maildirsize", HEAD "900 4\n");
	serve_folder(f, ".Trash");
	assert_file(f, "maildirsize", HEAD "900 4\n");
}

/* A line that somebody was killed in must not become the head of this one. */
static void
test_torn_line(void **state)
{
	struct maildir_fixture *f = *state;

	maildir_fixture_put(f, "maildirsize", HEAD "900 4\n 5");
	maildir_fixture_put(f, "new/1.a", "123");
	maildir_fixture_open(f);
	remove_messages(f, 0x1, 1);
	assert_file(f, "maildirsize", HEAD "900 4\n 5\n          -3           -1\n");
}

/* A session removes a message and leaves the file alone, with one line in the log. */
static void
assert_left_alone(struct maildir_fixture *f, const char *why)
{
	maildir_fixture_put(f, "new/1.a", "123");
	maildir_fixture_open(f);
	f->logged = 0;
	remove_messages(f, 0x1, 1);
	assert_int_equal(f->logged, 1);
	assert_non_null(strstr(f->last_log, "maildirsize"));
	assert_non_null(strstr(f->last_log, why));
}

static void
test_other_content(void **state)
{
	static char text[MAILDIR_QUOTA_MAX + 100];
	struct maildir_fixture *f = *state;

	maildir_fixture_put(f, "maildirsize", "");
	assert_left_alone(f, "defines no quota");
	assert_file(f, "maildirsize", "");
	maildir_fixture_put(f, "maildirsize",
		"\x7f"
		"ELF\n1 1\n");
	assert_left_alone(f, "defines no quota");
	assert_file(f, "maildirsize",
		"\x7f"
		"ELF\n1 1\n");
	memset(text, ' ', sizeof(text) - 1);
	memcpy(text, HEAD, sizeof(HEAD) - 1);
	maildir_fixture_put(f, "maildirsize", text);
	assert_left_alone(f, "too long");
	assert_file(f, "maildirsize", text);
	/* The last one that is of use, and has no line end. */
	text[MAILDIR_QUOTA_MAX] = '\0';
	maildir_fixture_put(f, "maildirsize", text);
	maildir_fixture_put(f, "new/1.a", "123");
	maildir_fixture_open(f);
	remove_messages(f, 0x1, 1);
	snprintf(text + MAILDIR_QUOTA_MAX, 99, "\n          -3           -1\n");
	assert_file(f, "maildirsize", text);
}

/* Who replaced it has counted: then this session's line is for nobody, and no trouble. */
static void
test_replaced(void **state)
{
	static char text[MAILDIR_QUOTA_MAX + 2];
	struct maildir_fixture *f = *state;
	struct maildir_quota_debit debit;
	struct maildir *m;

	memset(text, ' ', sizeof(text) - 1);
	memcpy(text, HEAD, sizeof(HEAD) - 1);
	maildir_fixture_put(f, "maildirsize", text);
	maildir_fixture_put(f, "new/1.a", "123");
	maildir_fixture_open(f);
	m = (struct maildir *)f->store;
	maildir_quota_begin(&debit, m);
	maildir_quota_removing(&debit, m->dirs[MAILDIR_NEW], "1.a");
	maildir_quota_removed(&debit);
	assert_int_equal(debit.bytes, 3);
	maildir_fixture_put(f, "tmp/maildirsize", HEAD "900 4\n");
	maildir_fixture_rename(f, "tmp/maildirsize", "maildirsize");
	maildir_quota_end(&debit, m);
	assert_file(f, "maildirsize", HEAD "900 4\n");
	assert_int_equal(f->logged, 0);
}

static void
test_other_kinds(void **state)
{
	struct maildir_fixture *f = *state;
	char path[1024];

	maildir_fixture_put(f, "elsewhere", HEAD "900 4\n");
	snprintf(path, sizeof(path), "%s/maildirsize", f->path);
	assert_int_equal(symlink("elsewhere", path), 0);
	assert_left_alone(f, "symbolic link");
	assert_int_equal(unlink(path), 0);
	assert_int_equal(link(maildir_fixture_file(f, "elsewhere"), path), 0);
	assert_left_alone(f, "more than one name");
	assert_int_equal(unlink(path), 0);
	assert_file(f, "elsewhere", HEAD "900 4\n");
	assert_int_equal(mkfifo(path, 0600), 0);
	assert_left_alone(f, "no regular file");
	assert_int_equal(unlink(path), 0);
	assert_int_equal(mkdir(path, 0700), 0);
	assert_left_alone(f, "directory");
}

#define TEST(f)                                                                          \
	cmocka_unit_test_setup_teardown(                                                 \
		f, maildir_fixture_set_up, maildir_fixture_tear_down)

int
test_maildir_quota_file(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_one_line),
		TEST(test_no_line),
		TEST(test_counts_once),
		TEST(test_renamed),
		TEST(test_folder),
		TEST(test_trash),
		TEST(test_torn_line),
		TEST(test_other_content),
		TEST(test_replaced),
		TEST(test_other_kinds),
	};

	return cmocka_run_group_tests_name("maildir_quota_file", tests, NULL, NULL);
}
