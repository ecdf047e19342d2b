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

#include "mailstore/maildir_twins.h"
#include "tests/unit/maildir_fixture.h"
#include "tests/unit/tests.h"

struct twins {
	struct maildir_list list;
	int dirs[MAILDIR_SUBS];
};

static void
open_twins(const struct maildir_fixture *f, struct twins *t)
{
	*t = (struct twins){.list = {0}};
	t->dirs[MAILDIR_NEW] =
		open(maildir_fixture_file(f, "new"), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	t->dirs[MAILDIR_CUR] =
		open(maildir_fixture_file(f, "cur"), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(t->dirs[MAILDIR_NEW] >= 0 && t->dirs[MAILDIR_CUR] >= 0);
}

static void
close_twins(struct twins *t)
{
	maildir_list_free(&t->list);
	close(t->dirs[MAILDIR_NEW]);
	close(t->dirs[MAILDIR_CUR]);
}

static enum mail_status
settle(struct maildir_fixture *f, struct twins *t)
{
	assert_true(maildir_list_sort(&t->list));
	return maildir_twins_settle(&t->list, t->dirs, &f->options);
}

static void
hard_link(const struct maildir_fixture *f, const char *from, const char *to)
{
	char path[256];

	snprintf(path, sizeof(path), "%s", maildir_fixture_file(f, from));
	assert_int_equal(link(path, maildir_fixture_file(f, to)), 0);
}

/* One message under names that it had, and has. */
static void
test_one_message(void **state)
{
	struct maildir_fixture *f = *state;
	struct twins t;

	maildir_fixture_put(f, "cur/1.a:2,S", "x");
	hard_link(f, "cur/1.a:2,S", "new/1.a");
	open_twins(f, &t);
	assert_true(maildir_list_add(&t.list, "1.a", MAILDIR_NEW));
	assert_true(maildir_list_add(&t.list, "1.a:2,S", MAILDIR_CUR));
	assert_true(maildir_list_add(&t.list, "1.a:2,", MAILDIR_CUR));
	assert_int_equal(settle(f, &t), MAIL_OK);
	/* The last name was seen last, but is of nothing. */
	assert_int_equal(t.list.count, 1);
	assert_string_equal(t.list.entries[0].name, "1.a:2,S");
	assert_int_equal(t.list.twin_count, 1);
	assert_string_equal(t.list.twins[0].name, "1.a");
	assert_int_equal(t.list.rival_count, 0);
	assert_int_equal(f->logged, 0);
	close_twins(&t);
}

/* Three messages with one base name, one of which has two names. */
static void
test_rivals(void **state)
{
	static const char *const names[] = {"1.a:2,", "1.a:2,S", "1.a:2,T", "1.a:2,R"};
	struct maildir_fixture *f = *state;
	struct maildir_entry *entry;
	struct twins t;

	maildir_fixture_put(f, "cur/1.a:2,", "x");
	maildir_fixture_put(f, "cur/1.a:2,S", "y");
	maildir_fixture_put(f, "cur/1.a:2,T", "z");
	maildir_fixture_put(f, "new/2.b", "z");
	hard_link(f, "cur/1.a:2,S", "cur/1.a:2,R");
	open_twins(f, &t);
	for (size_t i = 0; i < 4; i++)
		assert_true(maildir_list_add(&t.list, names[i], MAILDIR_CUR));
	assert_true(maildir_list_add(&t.list, "2.b", MAILDIR_NEW));
	assert_int_equal(settle(f, &t), MAIL_OK);
	assert_int_equal(t.list.count, 4);
	assert_int_equal(t.list.twin_count, 1);
	assert_int_equal(t.list.rival_count, 3);
	assert_int_equal(f->logged, 1);
	/* A new name is of the rival whose file it is. */
	maildir_fixture_rename(f, "cur/1.a:2,T", "new/1.a");
	entry = maildir_list_find(&t.list, "1.a");
	assert_int_equal(maildir_twins_choose(&t.list, t.dirs, "1.a", MAILDIR_NEW,
				 &f->options, &entry),
		MAIL_OK);
	assert_non_null(entry);
	assert_string_equal(entry->name, "1.a:2,T");
	/* Of none of them, and of nothing. */
	maildir_fixture_put(f, "cur/1.a:2,F", "w");
	entry = maildir_list_find(&t.list, "1.a");
	assert_int_equal(maildir_twins_choose(&t.list, t.dirs, "1.a:2,F", MAILDIR_CUR,
				 &f->options, &entry),
		MAIL_OK);
	assert_null(entry);
	entry = maildir_list_find(&t.list, "1.a");
	assert_int_equal(maildir_twins_choose(&t.list, t.dirs, "1.a:2,X", MAILDIR_CUR,
				 &f->options, &entry),
		MAIL_OK);
	assert_null(entry);
	entry = maildir_list_find(&t.list, "2.b");
	assert_int_equal(maildir_twins_choose(&t.list, t.dirs, "2.b:2,X", MAILDIR_CUR,
				 &f->options, &entry),
		MAIL_OK);
	assert_string_equal(entry->name, "2.b");
	close_twins(&t);
}

static void
test_error(void **state)
{
	struct maildir_fixture *f = *state;
	struct twins t;
	int new;

	open_twins(f, &t);
	assert_true(maildir_list_add(&t.list, "1.a", MAILDIR_NEW));
	assert_true(maildir_list_add(&t.list, "1.a:2,S", MAILDIR_CUR));
	new = t.dirs[MAILDIR_NEW];
	t.dirs[MAILDIR_NEW] = -1;
	assert_int_equal(settle(f, &t), MAIL_TEMP);
	assert_int_equal(f->logged, 1);
	t.dirs[MAILDIR_NEW] = new;
	close_twins(&t);
}

#define TEST(name)                                                                       \
	cmocka_unit_test_setup_teardown(                                                 \
		name, maildir_fixture_set_up, maildir_fixture_tear_down)

int
test_maildir_twins(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_one_message),
		TEST(test_rivals),
		TEST(test_error),
	};

	return cmocka_run_group_tests_name("maildir_twins", tests, NULL, NULL);
}
