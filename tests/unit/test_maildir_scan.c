#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "mailstore/maildir_scan.h"
#include "tests/unit/maildir_fixture.h"
#include "tests/unit/tests.h"

/* More than the kernel hands out of a directory at once. */
#define MESSAGES 3000

static void
open_directories(const struct maildir_fixture *f, int dirs[MAILDIR_SUBS])
{
	static const char *const names[MAILDIR_SUBS] = {"new", "cur"};

	for (int sub = 0; sub < MAILDIR_SUBS; sub++) {
		dirs[sub] = open(maildir_fixture_file(f, names[sub]),
			O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		assert_true(dirs[sub] >= 0);
	}
}

static void
close_directories(const int dirs[MAILDIR_SUBS])
{
	for (int sub = 0; sub < MAILDIR_SUBS; sub++)
		close(dirs[sub]);
}

static void
test_frozen(void **state)
{
	struct maildir_fixture *f = *state;
	struct maildir_list list = {0};
	int dirs[MAILDIR_SUBS];

	maildir_fixture_put(f, "new/1.a", "");
	maildir_fixture_put(f, "cur/2.a:2,", "");
	maildir_fixture_put(f, "cur/3.a:2,", "");
	open_directories(f, dirs);
	assert_int_equal(maildir_scan(&list, dirs, false, &f->options), MAIL_OK);
	assert_int_equal(list.count, 3);

	maildir_fixture_rename(f, "new/1.a", "cur/1.a:2,S");
	assert_int_equal(unlink(maildir_fixture_file(f, "cur/2.a:2,")), 0);
	maildir_fixture_put(f, "new/4.a", "");
	assert_int_equal(maildir_scan(&list, dirs, true, &f->options), MAIL_OK);
	assert_int_equal(list.count, 3);
	assert_string_equal(list.entries[0].name, "1.a:2,S");
	assert_int_equal(list.entries[0].sub, MAILDIR_CUR);
	assert_int_equal(list.entries[0].flags & MAILDIR_GONE, 0);
	assert_int_equal(list.entries[1].flags & MAILDIR_GONE, MAILDIR_GONE);
	assert_int_equal(list.entries[2].flags & MAILDIR_GONE, 0);

	/* Back again, as a backup may bring it. */
	maildir_fixture_put(f, "cur/2.a:2,T", "");
	assert_int_equal(maildir_scan(&list, dirs, true, &f->options), MAIL_OK);
	assert_int_equal(list.entries[1].flags & MAILDIR_GONE, 0);
	maildir_list_free(&list);
	close_directories(dirs);
}

static void
test_error(void **state)
{
	struct maildir_fixture *f = *state;
	struct maildir_list list = {0};
	const int dirs[MAILDIR_SUBS] = {-1, -1};

	assert_int_equal(maildir_scan(&list, dirs, false, &f->options), MAIL_TEMP);
	assert_int_equal(f->logged, 1);
	maildir_list_free(&list);
}

/* Another program that does nothing but set and clear flags, at a human pace. */
static void
rename_forever(const struct maildir_fixture *f)
{
	static const char *const flags[] = {"S", "FS"};
	const struct timespec pause = {.tv_nsec = 100000};
	char from[256], to[256], name[64];

	for (unsigned round = 0;; round++) {
		for (int i = 0; i < MESSAGES; i++) {
			snprintf(
				name, sizeof(name), "cur/%d.a:2,%s", i, flags[round % 2]);
			snprintf(from, sizeof(from), "%s", maildir_fixture_file(f, name));
			snprintf(name, sizeof(name), "cur/%d.a:2,%s", i,
				flags[(round + 1) % 2]);
			snprintf(to, sizeof(to), "%s", maildir_fixture_file(f, name));
			if (rename(from, to) != 0)
				_exit(1);
			nanosleep(&pause, NULL);
		}
	}
}

static void
test_renames_meanwhile(void **state)
{
	struct maildir_fixture *f = *state;
	int dirs[MAILDIR_SUBS];
	char name[64];
	pid_t pid;

	for (int i = 0; i < MESSAGES; i++) {
		snprintf(name, sizeof(name), "cur/%d.a:2,S", i);
		maildir_fixture_put(f, name, "");
	}
	open_directories(f, dirs);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0)
		rename_forever(f);
	for (int i = 0; i < 60; i++) {
		struct maildir_list list = {0};

		assert_int_equal(maildir_scan(&list, dirs, false, &f->options), MAIL_OK);
		assert_int_equal(list.count, MESSAGES);
		maildir_list_free(&list);
	}
	kill(pid, SIGKILL);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	close_directories(dirs);
}

#define TEST(name)                                                                       \
	cmocka_unit_test_setup_teardown(                                                 \
		name, maildir_fixture_set_up, maildir_fixture_tear_down)

int
test_maildir_scan(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_frozen),
		TEST(test_error),
		TEST(test_renames_meanwhile),
	};

	return cmocka_run_group_tests_name("maildir_scan", tests, NULL, NULL);
}
