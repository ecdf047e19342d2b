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

#include "mailstore/maildir_quota_count.h"
#include "mailstore/maildir_quota_file.h"
#include "tests/unit/maildir_fixture.h"
#include "tests/unit/tests.h"

static int
open_root(const struct maildir_fixture *f)
{
	const int fd = open(f->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	assert_true(fd >= 0);
	return fd;
}

static void
make_folder(const struct maildir_fixture *f, const char *name)
{
	static const char *const directories[] = {"", "/new", "/cur"};
	char path[128];

	for (size_t i = 0; i < 3; i++) {
		snprintf(path, sizeof(path), "%s%s", name, directories[i]);
		assert_int_equal(mkdir(maildir_fixture_file(f, path), 0700), 0);
	}
}

/* 7 messages of 1115 bytes count. */
static void
fill(const struct maildir_fixture *f)
{
	maildir_fixture_put(f, "new/1.a", "1");
	maildir_fixture_put(f, "new/2.a,S=1000", "not 1000");
	maildir_fixture_put(f, "cur/3.a:2,S", "12");
	maildir_fixture_put(f, "cur/4.a,S=100:2,", "");
	maildir_fixture_put(f, "cur/5.a,S=5000:2,T", "trashed");
	maildir_fixture_put(f, "cur/.dot", "no message");
	maildir_fixture_put(f, "tmp/6.a,S=77", "being delivered");
	maildir_fixture_put(f, ".file", "");
	assert_int_equal(mkdir(maildir_fixture_file(f, "cur/7.a,S=3"), 0700), 0);
	make_folder(f, ".Work");
	maildir_fixture_put(f, ".Work/new/1.b", "123");
	maildir_fixture_put(f, ".Work/cur/2.b:2,S", "1234");
	make_folder(f, ".Trash");
	maildir_fixture_put(f, ".Trash/new/1.c", "12345");
	make_folder(f, ".Trash.Old");
	maildir_fixture_put(f, ".Trash.Old/new/1.d", "12345");
	/* Not a folder that is here: a link to one elsewhere. */
	assert_int_equal(symlink(".Work", maildir_fixture_file(f, ".Link")), 0);
}

static void
test_count(void **state)
{
	struct maildir_fixture *f = *state;
	struct maildir_quota_usage usage;
	const int root = open_root(f);

	fill(f);
	assert_int_equal(maildir_quota_count(root, &f->options, &usage), MAIL_OK);
	assert_int_equal(usage.messages, 7);
	assert_int_equal(usage.bytes, 1115);
	assert_int_equal(f->logged, 0);
	assert_int_equal(close(root), 0);
}

static void
assert_quota(int root, const char *definition, int64_t bytes, int64_t messages)
{
	struct maildir_quota q;
	const char *wrong;
	struct stat st;
	const int fd = maildir_quota_open(root, O_RDONLY, &st, &wrong);

	assert_true(fd >= 0);
	assert_true(maildir_quota_read(fd, &q, &wrong));
	assert_string_equal(q.definition, definition);
	assert_int_equal(q.bytes, bytes);
	assert_int_equal(q.messages, messages);
	assert_int_equal(q.lines, 1);
	assert_false(q.damaged);
	assert_int_equal(st.st_mode & 0777, 0640);
	assert_int_equal(close(fd), 0);
}

static size_t
entries(const struct maildir_fixture *f, const char *name)
{
	DIR *stream = opendir(maildir_fixture_file(f, name));
	size_t n = 0;

	assert_non_null(stream);
	while (readdir(stream) != NULL)
		n++;
	assert_int_equal(closedir(stream), 0);
	return n - 2;
}

static void
test_recalculate(void **state)
{
	struct maildir_fixture *f = *state;
	struct maildir_quota_usage usage;
	const int root = open_root(f);

	fill(f);
	maildir_fixture_put(f, "maildirsize", "5S,6C\n1 1\ngarbage\n");
	assert_int_equal(chmod(maildir_fixture_file(f, "maildirsize"), 0640), 0);
	assert_int_equal(
		maildir_quota_recalculate(root, "5S,6C", &f->options, &usage), MAIL_OK);
	assert_int_equal(usage.messages, 7);
	assert_quota(root, "5S,6C", 1115, 7);
	/* A new one is for those whom the Maildir is for. */
	assert_int_equal(unlink(maildir_fixture_file(f, "maildirsize")), 0);
	assert_int_equal(chmod(f->path, 0750), 0);
	assert_int_equal(
		maildir_quota_recalculate(root, "7S", &f->options, &usage), MAIL_OK);
	assert_quota(root, "7S", 1115, 7);
	assert_int_equal(entries(f, "tmp"), 1);
	assert_int_equal(f->logged, 0);
	assert_int_equal(close(root), 0);
}

static void
test_recalculate_fails(void **state)
{
	struct maildir_fixture *f = *state;
	struct maildir_quota_usage usage;
	const int root = open_root(f);

	assert_int_equal(rmdir(maildir_fixture_file(f, "tmp")), 0);
	assert_int_equal(
		maildir_quota_recalculate(root, "7S", &f->options, &usage), MAIL_TEMP);
	assert_int_equal(f->logged, 1);
	assert_int_equal(symlink("new/1.a", maildir_fixture_file(f, "maildirsize")), 0);
	assert_int_equal(
		maildir_quota_recalculate(root, "7S", &f->options, &usage), MAIL_PERM);
	assert_int_equal(f->logged, 2);
	assert_false(maildir_fixture_has(f, "new/1.a"));
	assert_int_equal(close(root), 0);
}

#define TRIES 1000 /* to meet a busy moment */

/* Another process, which does the same over and over until the test lets it end. */
struct disturber {
	pid_t pid;
	int stop;
};

static void
disturber_start(struct disturber *d, const struct maildir_fixture *f,
	void (*disturb)(const struct maildir_fixture *f))
{
	int stop[2];
	char byte;

	assert_int_equal(pipe2(stop, O_CLOEXEC | O_NONBLOCK), 0);
	d->pid = fork();
	assert_true(d->pid >= 0);
	if (d->pid == 0) {
		(void)close(stop[1]);
		/* Ends with the test, whatever becomes of it. */
		while (read(stop[0], &byte, 1) < 0) {
			disturb(f);
			(void)usleep(1000);
		}
		_exit(0);
	}
	assert_int_equal(close(stop[0]), 0);
	d->stop = stop[1];
}

static void
disturber_end(const struct disturber *d)
{
	assert_int_equal(close(d->stop), 0);
	assert_int_equal(waitpid(d->pid, NULL, 0), d->pid);
}

static void
deliver_and_remove(const struct maildir_fixture *f)
{
	maildir_fixture_put(f, "new/1.a", "1");
	(void)usleep(1000);
	(void)unlink(maildir_fixture_file(f, "new/1.a"));
}

/*
 * What comes and goes all the time cannot be counted, and the old file stays.  On a busy
 * machine it may stand still for as long as a count takes, so that is tried many times.
 */
static void
test_never_still(void **state)
{
	struct maildir_fixture *f = *state;
	struct maildir_quota_usage usage;
	enum mail_status status = MAIL_OK;
	const int root = open_root(f);
	struct disturber d;

	disturber_start(&d, f, deliver_and_remove);
	for (int tries = 0; tries < TRIES && status != MAIL_CHANGED; tries++) {
		maildir_fixture_put(f, "maildirsize", "7S\n1 1\n");
		assert_int_equal(chmod(maildir_fixture_file(f, "maildirsize"), 0640), 0);
		status = maildir_quota_recalculate(root, "7S", &f->options, &usage);
	}
	assert_int_equal(status, MAIL_CHANGED);
	assert_quota(root, "7S", 1, 1);
	status = MAIL_OK;
	for (int tries = 0; tries < TRIES && status != MAIL_CHANGED; tries++)
		status = maildir_quota_count(root, &f->options, &usage);
	assert_int_equal(status, MAIL_CHANGED);
	disturber_end(&d);
	assert_int_equal(entries(f, "tmp"), 0);
	assert_int_equal(close(root), 0);
}

static void
add_line(const struct maildir_fixture *f)
{
	const int fd = open(
		maildir_fixture_file(f, "maildirsize"), O_WRONLY | O_APPEND | O_CLOEXEC);

	if (fd < 0 || write(fd, "5 1\n", 4) != 4 || close(fd) != 0)
		_exit(1);
}

/* A file to which others add lines meanwhile is not replaced: they would be lost. */
static void
test_lines_are_kept(void **state)
{
	struct maildir_fixture *f = *state;
	struct maildir_quota_usage usage;
	enum mail_status status = MAIL_OK;
	const int root = open_root(f);
	struct disturber d;
	struct stat before, after;

	maildir_fixture_put(f, "maildirsize", "7S\n1 1\n");
	disturber_start(&d, f, add_line);
	for (int tries = 0; tries < TRIES && status != MAIL_CHANGED; tries++) {
		assert_int_equal(fstatat(root, "maildirsize", &before, 0), 0);
		status = maildir_quota_recalculate(root, "7S", &f->options, &usage);
	}
	assert_int_equal(status, MAIL_CHANGED);
	disturber_end(&d);
	assert_int_equal(fstatat(root, "maildirsize", &after, 0), 0);
	assert_int_equal(after.st_ino, before.st_ino);
	assert_true(after.st_size > before.st_size);
	assert_int_equal(entries(f, "tmp"), 0);
	assert_int_equal(close(root), 0);
}

#define TEST(f)                                                                          \
	cmocka_unit_test_setup_teardown(                                                 \
		f, maildir_fixture_set_up, maildir_fixture_tear_down)

int
test_maildir_quota_count(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_count),
		TEST(test_recalculate),
		TEST(test_recalculate_fails),
		TEST(test_never_still),
		TEST(test_lines_are_kept),
	};

	return cmocka_run_group_tests_name("maildir_quota_count", tests, NULL, NULL);
}
