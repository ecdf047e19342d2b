#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/unit/maildir_fixture.h"
#include "tests/unit/tests.h"

/* Update with a bitmap of up to 8 messages. */
static void
assert_update(struct maildir_fixture *f, unsigned char deleted, enum mail_status status,
	size_t removed)
{
	size_t n = 99;

	assert_int_equal(mailstore_maildir.update(f->store, &deleted, &n), status);
	assert_int_equal(n, removed);
}

static void
test_removes_what_is_marked(void **state)
{
	struct maildir_fixture *f = *state;

	maildir_fixture_put(f, "cur/1.a:2,S", "");
	maildir_fixture_put(f, "cur/2.a:2,S", "");
	maildir_fixture_put(f, "new/3.a", "");
	maildir_fixture_put(f, "new/4.a", "");
	maildir_fixture_open(f);
	maildir_fixture_put(f, "new/5.a", "delivered later");
	assert_update(f, 0x5, MAIL_OK, 2);
	maildir_fixture_close(f);
	assert_false(maildir_fixture_has(f, "cur/1.a:2,S"));
	assert_true(maildir_fixture_has(f, "cur/2.a:2,S"));
	assert_false(maildir_fixture_has(f, "new/3.a"));
	assert_false(maildir_fixture_has(f, "cur/3.a:2,"));
	assert_true(maildir_fixture_has(f, "cur/4.a:2,"));
	/* It was not in this session's list. */
	assert_true(maildir_fixture_has(f, "new/5.a"));
	assert_int_equal(f->logged, 0);
}

/* Without an update nothing changes. */
static void
test_close_only(void **state)
{
	struct maildir_fixture *f = *state;

	maildir_fixture_put(f, "new/1.a", "");
	maildir_fixture_open(f);
	maildir_fixture_close(f);
	assert_true(maildir_fixture_has(f, "new/1.a"));
}

static void
test_nothing_marked(void **state)
{
	struct maildir_fixture *f = *state;

	maildir_fixture_put(f, "new/1.a", "");
	maildir_fixture_put(f, "new/2.a:2,S", "");
	maildir_fixture_open(f);
	assert_update(f, 0, MAIL_OK, 0);
	assert_true(maildir_fixture_has(f, "cur/1.a:2,"));
	assert_true(maildir_fixture_has(f, "cur/2.a:2,S"));
	assert_false(maildir_fixture_has(f, "new/1.a"));
}

static void
test_renamed(void **state)
{
	struct maildir_fixture *f = *state;

	maildir_fixture_put(f, "new/1.a", "");
	maildir_fixture_put(f, "cur/2.a:2,", "");
	maildir_fixture_put(f, "new/3.a", "");
	maildir_fixture_open(f);
	maildir_fixture_rename(f, "new/1.a", "cur/1.a:2,S");
	maildir_fixture_rename(f, "cur/2.a:2,", "cur/2.a:2,RS");
	maildir_fixture_rename(f, "new/3.a", "cur/3.a:2,");
	assert_update(f, 0x3, MAIL_OK, 2);
	assert_false(maildir_fixture_has(f, "cur/1.a:2,S"));
	assert_false(maildir_fixture_has(f, "cur/2.a:2,RS"));
	assert_true(maildir_fixture_has(f, "cur/3.a:2,"));
	assert_int_equal(f->logged, 0);
}

static void
test_gone_already(void **state)
{
	struct maildir_fixture *f = *state;

	maildir_fixture_put(f, "new/1.a", "");
	maildir_fixture_put(f, "new/2.a", "");
	maildir_fixture_open(f);
	assert_int_equal(unlink(maildir_fixture_file(f, "new/1.a")), 0);
	assert_update(f, 0x3, MAIL_OK, 2);
	assert_false(maildir_fixture_has(f, "new/2.a"));
}

static void
test_vanished_maildir(void **state)
{
	struct maildir_fixture *f = *state;

	maildir_fixture_put(f, "new/1.a", "");
	maildir_fixture_open(f);
	assert_int_equal(unlink(maildir_fixture_file(f, "new/1.a")), 0);
	assert_int_equal(rmdir(maildir_fixture_file(f, "new")), 0);
	assert_int_equal(rmdir(maildir_fixture_file(f, "cur")), 0);
	assert_update(f, 0x1, MAIL_CHANGED, 0);
	maildir_fixture_close(f);
}

/* A mover by link and unlink was killed: one message with two names goes as a whole. */
static void
test_hard_link(void **state)
{
	struct maildir_fixture *f = *state;
	char from[256];

	maildir_fixture_put(f, "new/1.a", "one\n");
	snprintf(from, sizeof(from), "%s", maildir_fixture_file(f, "new/1.a"));
	assert_int_equal(link(from, maildir_fixture_file(f, "cur/1.a:2,S")), 0);
	maildir_fixture_put(f, "new/2.a", "two\n");
	maildir_fixture_open(f);
	assert_int_equal(f->count, 2);
	assert_update(f, 0x1, MAIL_OK, 1);
	assert_false(maildir_fixture_has(f, "new/1.a"));
	assert_false(maildir_fixture_has(f, "cur/1.a:2,S"));
	assert_true(maildir_fixture_has(f, "cur/2.a:2,"));
}

/* Another text under the same base name is another message: it stays. */
static void
other_file_case(struct maildir_fixture *f, unsigned char mark, bool renamed)
{
	const char *other = renamed ? "cur/1.a:2,RS" : "cur/1.a:2,S";
	char from[256];
	uint64_t octets;

	maildir_fixture_put(f, "new/1.a", "one\n");
	maildir_fixture_put(f, "cur/1.a:2,S", "another\n");
	snprintf(from, sizeof(from), "%s", maildir_fixture_file(f, "new/1.a"));
	assert_int_equal(link(from, maildir_fixture_file(f, "cur/1.a:2,T")), 0);
	maildir_fixture_open(f);
	assert_int_equal(f->count, 2);
	assert_int_equal(mailstore_maildir.octets(f->store, mark - 1u, &octets), MAIL_OK);
	if (renamed)
		maildir_fixture_rename(f, "cur/1.a:2,S", other);
	assert_update(f, mark, MAIL_OK, 1);
	maildir_fixture_close(f);
	if (octets == strlen("one\r\n")) {
		assert_false(maildir_fixture_has(f, "new/1.a"));
		assert_false(maildir_fixture_has(f, "cur/1.a:2,T"));
		assert_int_equal(unlink(maildir_fixture_file(f, other)), 0);
		return;
	}
	assert_false(maildir_fixture_has(f, other));
	assert_int_equal(unlink(maildir_fixture_file(f, "cur/1.a:2,T")), 0);
	/* Its other name stays, too, but may be that of a message that was seen. */
	assert_true(unlink(maildir_fixture_file(f, "cur/1.a:2,")) == 0 ||
		    unlink(maildir_fixture_file(f, "new/1.a")) == 0);
}

static void
test_other_file_with_same_base(void **state)
{
	for (unsigned char mark = 1; mark <= 2; mark++) {
		other_file_case(*state, mark, false);
		other_file_case(*state, mark, true);
	}
}

static void
test_move_replaces_nothing(void **state)
{
	struct maildir_fixture *f = *state;
	struct stat st;

	maildir_fixture_put(f, "new/1.a", "one\n");
	maildir_fixture_open(f);
	maildir_fixture_put(f, "cur/1.a:2,", "another\n");
	assert_update(f, 0, MAIL_OK, 0);
	assert_true(maildir_fixture_has(f, "new/1.a"));
	assert_int_equal(stat(maildir_fixture_file(f, "cur/1.a:2,"), &st), 0);
	assert_int_equal(st.st_size, 8);
	assert_int_equal(f->logged, 1);
}

static void
test_name_too_long_to_move(void **state)
{
	struct maildir_fixture *f = *state;
	char name[260] = "new/";

	memset(name + 4, 'x', 255);
	maildir_fixture_put(f, name, "");
	maildir_fixture_put(f, "new/1.a", "");
	maildir_fixture_open(f);
	assert_update(f, 0, MAIL_OK, 0);
	assert_true(maildir_fixture_has(f, name));
	assert_true(maildir_fixture_has(f, "cur/1.a:2,"));
	assert_int_equal(f->logged, 1);
}

/* One message cannot be removed: the others go, and the client hears that not all did. */
static void
test_one_fails(void **state)
{
	struct maildir_fixture *f = *state;

	maildir_fixture_put(f, "new/1.a", "");
	maildir_fixture_put(f, "new/2.a", "");
	maildir_fixture_put(f, "new/3.a", "");
	maildir_fixture_open(f);
	assert_int_equal(unlink(maildir_fixture_file(f, "new/2.a")), 0);
	assert_int_equal(mkdir(maildir_fixture_file(f, "new/2.a"), 0700), 0);
	assert_update(f, 0x7, MAIL_PERM, 2);
	assert_false(maildir_fixture_has(f, "new/1.a"));
	assert_false(maildir_fixture_has(f, "new/3.a"));
	assert_true(maildir_fixture_has(f, "new/2.a"));
	assert_int_equal(f->logged, 2);
}

#define TEST(name)                                                                       \
	cmocka_unit_test_setup_teardown(                                                 \
		name, maildir_fixture_set_up, maildir_fixture_tear_down)

int
test_maildir_update(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_removes_what_is_marked),
		TEST(test_close_only),
		TEST(test_nothing_marked),
		TEST(test_renamed),
		TEST(test_gone_already),
		TEST(test_vanished_maildir),
		TEST(test_hard_link),
		TEST(test_other_file_with_same_base),
		TEST(test_move_replaces_nothing),
		TEST(test_name_too_long_to_move),
		TEST(test_one_fails),
	};

	return cmocka_run_group_tests_name("maildir_update", tests, NULL, NULL);
}
