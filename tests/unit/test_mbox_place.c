#include <dirent.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "mailstore/mbox.h"
#include "tests/unit/mbox_fixture.h"
#include "tests/unit/tests.h"

#define NOBODY 65534
#define FROM "From a@b Tue Nov 23 15:28:00 2025\n"
#define A FROM "Subject: a\n\naa\n\n"
#define B FROM "Subject: b\n\nbbbb\n\n"

static enum mail_status
try_open(struct mbox_fixture *f)
{
	struct mailstore *store = NULL;
	const enum mail_status status =
		mailstore_mbox.open(&store, AT_FDCWD, f->path, &f->options);

	mailstore_mbox.close(store);
	return status;
}

/* A spool where the user owns the mbox, but may not create files. */
static void
closed_spool(struct mbox_fixture *f, mode_t mode)
{
	mbox_fixture_put(f, A B);
	if (geteuid() != 0)
		fail_msg("this test needs root");
	assert_int_equal(chown(f->path, NOBODY, NOBODY), 0);
	assert_int_equal(chown(f->home, NOBODY, NOBODY), 0);
	assert_int_equal(chmod(f->directory, mode), 0);
	assert_int_equal(seteuid(NOBODY), 0);
}

static void
beside_the_mbox(void **state)
{
	struct mbox_fixture *f = *state;
	struct stat st;

	mbox_fixture_put(f, A);
	assert_int_equal(try_open(f), MAIL_OK);
	assert_int_equal(stat(mbox_fixture_file(f, "spool/.box.pop3d-lock"), &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	assert_int_equal(mbox_fixture_hidden(f, "home"), 1);
	f->options.home = "";
	assert_int_equal(try_open(f), MAIL_OK);
	f->options.home = "/nonexistent";
	assert_int_equal(try_open(f), MAIL_OK);
}

/* Without a right to the spool everything works by way of the home. */
static void
in_the_home(void **state)
{
	struct mbox_fixture *f = *state;
	struct mailstore *second = NULL;
	size_t removed;

	closed_spool(f, 0755);
	mbox_fixture_open(f);
	assert_int_equal(mbox_fixture_hidden(f, "home"), 1);
	assert_int_equal(
		mailstore_mbox.open(&second, AT_FDCWD, f->path, &f->options), MAIL_BUSY);
	assert_int_equal(
		mailstore_mbox.update(f->store, (const unsigned char *)"\1", &removed),
		MAIL_OK);
	mbox_fixture_close(f);
	assert_int_equal(seteuid(0), 0);
	mbox_fixture_expect(f, B);
	assert_int_equal(mbox_fixture_hidden(f, "home"), 1);
	assert_int_equal(mbox_fixture_hidden(f, "spool"), 0);
	assert_int_equal(f->logged, 0);
}

/* A spool that may be entered but not listed cannot be synced: nothing goes there. */
static void
unreadable_spool(void **state)
{
	struct mbox_fixture *f = *state;

	closed_spool(f, 0733);
	mbox_fixture_open(f);
	mbox_fixture_close(f);
	assert_int_equal(seteuid(0), 0);
	assert_int_equal(mbox_fixture_hidden(f, "home"), 1);
	assert_int_equal(mbox_fixture_hidden(f, "spool"), 0);
}

static void
nowhere(void **state)
{
	struct mbox_fixture *f = *state;
	enum mail_status status;

	closed_spool(f, 0755);
	f->options.home = "";
	status = try_open(f);
	assert_int_equal(seteuid(0), 0);
	assert_int_equal(status, MAIL_PERM);
	assert_int_equal(f->logged, 1);
	assert_non_null(strstr(f->last_log, "group mail"));
}

/*
 * Another user's file of that name in a spool of mode 1777 locks nobody out, though it is
 * locked; and when it goes, there still are no two sessions.
 */
static void
foreign_lock_file(void **state)
{
	struct flock whole = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
	struct mbox_fixture *f = *state;
	char lock[1024];
	enum mail_status second;
	int fd;

	snprintf(lock, sizeof lock, "%s", mbox_fixture_file(f, "spool/.box.pop3d-lock"));
	mbox_fixture_write(lock, "", 0);
	assert_int_equal(chmod(lock, 0666), 0);
	fd = open(lock, O_RDWR | O_CLOEXEC);
	assert_true(fd >= 0);
	assert_int_equal(fcntl(fd, F_OFD_SETLK, &whole), 0);
	closed_spool(f, 01777);
	mbox_fixture_open(f);
	assert_int_equal(seteuid(0), 0);
	assert_int_equal(unlink(lock), 0);
	assert_int_equal(seteuid(NOBODY), 0);
	second = try_open(f);
	mbox_fixture_close(f);
	assert_int_equal(seteuid(0), 0);
	assert_int_equal(second, MAIL_BUSY);
	assert_int_equal(mbox_fixture_hidden(f, "home"), 1);
	close(fd);
}

/* Two sessions exclude each other though one of them cannot use the spool. */
static void
one_place_in_common(void **state)
{
	struct mbox_fixture *f = *state;
	enum mail_status second;

	closed_spool(f, 01777);
	mbox_fixture_open(f);
	assert_int_equal(seteuid(0), 0);
	assert_int_equal(chmod(f->directory, 0755), 0);
	assert_int_equal(unlink(mbox_fixture_file(f, "spool/.box.pop3d-lock")), 0);
	assert_int_equal(seteuid(NOBODY), 0);
	second = try_open(f);
	mbox_fixture_close(f);
	assert_int_equal(try_open(f), MAIL_OK);
	assert_int_equal(seteuid(0), 0);
	assert_int_equal(second, MAIL_BUSY);
}

/* An mbox in the home has one lock file there. */
static void
mbox_in_the_home(void **state)
{
	struct mbox_fixture *f = *state;
	struct lock_holder holder;
	char text[LOCK_TEXT];
	int fd;

	snprintf(f->path, sizeof f->path, "%s/mbox", f->home);
	mbox_fixture_put(f, A);
	mbox_fixture_open(f);
	mbox_fixture_close(f);
	assert_int_equal(mbox_fixture_hidden(f, "home"), 1);
	fd = open(mbox_fixture_file(f, "home/.mbox.pop3d-lock"), O_RDONLY | O_CLOEXEC);
	assert_int_equal(read(fd, text, sizeof text), LOCK_TEXT);
	close(fd);
	lock_text_parse(&holder, text, sizeof text);
	assert_int_equal(holder.state, LOCK_FREE);
}

static void
names_in_the_home_tell_paths_apart(void **state)
{
	struct mbox_fixture *f = *state;
	const int root = open(f->root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct mailstore *store = NULL;
	char other[1024];

	assert_true(root >= 0);
	snprintf(other, sizeof other, "%s", mbox_fixture_file(f, "spool2"));
	assert_int_equal(mkdir(other, 0755), 0);
	closed_spool(f, 0755);
	assert_int_equal(try_open(f), MAIL_OK);
	assert_int_equal(
		mailstore_mbox.open(&store, root, "spool2/box", &f->options), MAIL_OK);
	mailstore_mbox.close(store);
	/* The same file by a relative path has the same name. */
	assert_int_equal(
		mailstore_mbox.open(&store, root, "spool/box", &f->options), MAIL_OK);
	mailstore_mbox.close(store);
	assert_int_equal(seteuid(0), 0);
	assert_int_equal(mbox_fixture_hidden(f, "home"), 2);
	close(root);
}

static void
sweeps_unfinished_journals(void **state)
{
	struct mbox_fixture *f = *state;

	mbox_fixture_put(f, A);
	mbox_fixture_write(mbox_fixture_file(f, "spool/.box.pop3d-journal-new"), "x", 1);
	mbox_fixture_open(f);
	assert_false(mbox_fixture_has(f, "spool/.box.pop3d-journal-new"));
}

/* The names of a dotlock are looked for only if a session seems to have been killed. */
static void
sweeps_dotlocks(void **state)
{
	static const char dot[] = "spool/.box.pop3d-dot-%ld-0";
	static const char lock[] = "spool/.box.pop3d-lock";
	static const struct timespec past[2] = {{.tv_sec = 1}, {.tv_sec = 1}};
	struct mbox_fixture *f = *state;
	struct lock_holder holder;
	char name[64], text[LOCK_TEXT];
	const pid_t pid = fork();

	if (pid == 0)
		_exit(0);
	assert_true(pid > 0);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	snprintf(name, sizeof name, dot, (long)pid);
	mbox_fixture_put(f, A);
	/* Without a session lock nobody knows. */
	mbox_fixture_write(mbox_fixture_file(f, name), "", 0);
	mbox_fixture_open(f);
	mbox_fixture_close(f);
	assert_false(mbox_fixture_has(f, name));
	mbox_fixture_write(mbox_fixture_file(f, name), "", 0);
	mbox_fixture_open(f);
	mbox_fixture_close(f);
	assert_true(mbox_fixture_has(f, name));
	assert_true(lock_holder_self(&holder, 30));
	lock_text_make(text, &holder);
	mbox_fixture_write(mbox_fixture_file(f, lock), text, sizeof text);
	mbox_fixture_open(f);
	mbox_fixture_close(f);
	assert_false(mbox_fixture_has(f, name));
	/* One from before the machine's start tells nothing. */
	mbox_fixture_write(mbox_fixture_file(f, name), "", 0);
	assert_int_equal(utimensat(AT_FDCWD, mbox_fixture_file(f, lock), past, 0), 0);
	mbox_fixture_open(f);
	mbox_fixture_close(f);
	assert_false(mbox_fixture_has(f, name));
}

/* cmocka leaves a failed test at once, perhaps as another user. */
static int
tear_down(void **state)
{
	if (getuid() == 0 && seteuid(0) != 0)
		return -1;
	return mbox_fixture_tear_down(state);
}

#define TEST(function)                                                                   \
	cmocka_unit_test_setup_teardown(function, mbox_fixture_set_up, tear_down)

int
test_mbox_place(void)
{
	const struct CMUnitTest tests[] = {
		TEST(beside_the_mbox),
		TEST(in_the_home),
		TEST(unreadable_spool),
		TEST(nowhere),
		TEST(foreign_lock_file),
		TEST(one_place_in_common),
		TEST(mbox_in_the_home),
		TEST(names_in_the_home_tell_paths_apart),
		TEST(sweeps_unfinished_journals),
		TEST(sweeps_dotlocks),
	};

	return cmocka_run_group_tests_name("mbox_place", tests, NULL, NULL);
}
