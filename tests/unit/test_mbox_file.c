#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "mailstore/mbox.h"
#include "tests/unit/mbox_fixture.h"
#include "tests/unit/tests.h"

#define FROM "From a@b Tue Nov 23 15:28:00 2025\n"
#define A FROM "Subject: a\n\naa\n\n"

static enum mail_status
open_path(struct mbox_fixture *f, int dirfd, const char *path)
{
	struct mailstore *store = NULL;
	const enum mail_status status =
		mailstore_mbox.open(&store, dirfd, path, &f->options);

	assert_true((store != NULL) == (status == MAIL_OK));
	mailstore_mbox.close(store);
	return status;
}

/* What is not a plain file of the user's must be refused, without blocking on it. */
static void
only_plain_files(void **state)
{
	struct mbox_fixture *f = *state;
	char other[1024];

	alarm(10);
	assert_int_equal(mkfifo(f->path, 0600), 0);
	assert_int_equal(open_path(f, AT_FDCWD, f->path), MAIL_PERM);
	assert_int_equal(unlink(f->path), 0);
	assert_int_equal(mkdir(f->path, 0700), 0);
	assert_int_equal(open_path(f, AT_FDCWD, f->path), MAIL_PERM);
	assert_int_equal(rmdir(f->path), 0);
	snprintf(other, sizeof other, "%s", mbox_fixture_file(f, "spool/other"));
	mbox_fixture_write(other, A, strlen(A));
	assert_int_equal(symlink(other, f->path), 0);
	assert_int_equal(open_path(f, AT_FDCWD, f->path), MAIL_PERM);
	assert_int_equal(unlink(f->path), 0);
	assert_int_equal(symlink("nowhere", f->path), 0);
	assert_int_equal(open_path(f, AT_FDCWD, f->path), MAIL_PERM);
	assert_int_equal(unlink(f->path), 0);
	assert_int_equal(link(other, f->path), 0);
	assert_int_equal(open_path(f, AT_FDCWD, f->path), MAIL_PERM);
	assert_int_equal(unlink(other), 0);
	assert_int_equal(open_path(f, AT_FDCWD, f->path), MAIL_OK);
	assert_int_equal(open_path(f, AT_FDCWD, "/dev/null"), MAIL_PERM);
	alarm(0);
	assert_int_equal(f->logged, 6);
}

static void
only_the_users_own(void **state)
{
	struct mbox_fixture *f = *state;

	if (geteuid() != 0)
		fail_msg("this test needs root");
	mbox_fixture_put(f, A);
	assert_int_equal(chown(f->path, 65534, 65534), 0);
	assert_int_equal(open_path(f, AT_FDCWD, f->path), MAIL_PERM);
	assert_non_null(strstr(f->last_log, "another user"));
	assert_int_equal(chmod(f->path, 0666), 0);
	assert_int_equal(chmod(f->directory, 0777), 0);
	assert_int_equal(seteuid(65534), 0);
	assert_int_equal(open_path(f, AT_FDCWD, f->path), MAIL_OK);
	assert_int_equal(seteuid(0), 0);
	assert_int_equal(chown(f->path, 0, 0), 0);
	assert_int_equal(seteuid(65534), 0);
	assert_int_equal(open_path(f, AT_FDCWD, f->path), MAIL_PERM);
	assert_int_equal(seteuid(0), 0);
}

static void
missing_parent(void **state)
{
	struct mbox_fixture *f = *state;

	assert_int_equal(
		open_path(f, AT_FDCWD, mbox_fixture_file(f, "none/box")), MAIL_TEMP);
	assert_int_equal(f->logged, 1);
	mbox_fixture_put(f, A);
	assert_int_equal(
		open_path(f, AT_FDCWD, mbox_fixture_file(f, "spool/box/box")), MAIL_PERM);
}

static void
paths(void **state)
{
	struct mbox_fixture *f = *state;
	const int root = open(f->root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	char name[300];

	assert_true(root >= 0);
	mbox_fixture_put(f, A);
	assert_int_equal(open_path(f, root, "spool/box"), MAIL_OK);
	assert_true(mbox_fixture_has(f, "spool/.box.pop3d-lock"));
	assert_int_equal(open_path(f, root, f->path), MAIL_OK);
	assert_int_equal(open_path(f, root, "newbox"), MAIL_OK);
	assert_true(mbox_fixture_has(f, ".newbox.pop3d-lock"));
	assert_int_equal(open_path(f, root, ""), MAIL_PERM);
	assert_int_equal(open_path(f, root, "spool/"), MAIL_PERM);
	assert_int_equal(open_path(f, root, "spool/."), MAIL_PERM);
	assert_int_equal(open_path(f, root, "spool/.."), MAIL_PERM);
	/* The dotlock of another mbox has such a name. */
	assert_int_equal(open_path(f, root, "spool/box.lock"), MAIL_PERM);
	assert_int_equal(open_path(f, root, "spool/box.lock2"), MAIL_OK);
	memset(name, 'x', sizeof name);
	name[sizeof name - 1] = '\0';
	assert_int_equal(open_path(f, root, name), MAIL_PERM);
	close(root);
}

static void
checks_from_lines(void **state)
{
	struct mbox_fixture *f = *state;
	const struct mbox *box;
	struct stat st;

	mbox_fixture_put(f, A A);
	mbox_fixture_open(f);
	box = (const struct mbox *)f->store;
	assert_int_equal(mbox_file_check(box, 0), MAIL_OK);
	assert_int_equal(mbox_file_check(box, 1), MAIL_OK);
	mbox_fixture_put(f, A "From b@b Tue Nov 23 15:28:00 2025\n");
	assert_int_equal(mbox_file_check(box, 0), MAIL_OK);
	assert_int_equal(mbox_file_check(box, 1), MAIL_CHANGED);
	mbox_fixture_put(f, A "From a");
	assert_int_equal(mbox_file_check(box, 1), MAIL_CHANGED);
	assert_int_equal(mbox_file_stands(box, &st), MAIL_OK);
	assert_int_equal(unlink(f->path), 0);
	assert_int_equal(mbox_file_stands(box, &st), MAIL_CHANGED);
}

#define TEST(function)                                                                   \
	cmocka_unit_test_setup_teardown(                                                 \
		function, mbox_fixture_set_up, mbox_fixture_tear_down)

int
test_mbox_file(void)
{
	const struct CMUnitTest tests[] = {
		TEST(only_plain_files),
		TEST(only_the_users_own),
		TEST(missing_parent),
		TEST(paths),
		TEST(checks_from_lines),
	};

	return cmocka_run_group_tests_name("mbox_file", tests, NULL, NULL);
}
