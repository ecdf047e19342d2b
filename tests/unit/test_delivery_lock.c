#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "mailstore/delivery_lock.h"
#include "tests/unit/mbox_fixture.h"
#include "tests/unit/tests.h"

#define LOCK "spool/box.lock"

struct target {
	int dirfd;
	int fd;
	struct delivery_lock lock;
};

static void
target_open(struct mbox_fixture *f, struct target *t)
{
	mbox_fixture_put(f, "");
	t->dirfd = open(f->directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	t->fd = open(f->path, O_RDWR | O_CLOEXEC);
	assert_true(t->dirfd >= 0 && t->fd >= 0);
}

static void
target_close(struct target *t)
{
	close(t->dirfd);
	close(t->fd);
}

static enum mail_status
take(struct mbox_fixture *f, struct target *t, bool exclusive)
{
	return delivery_lock_take(
		&t->lock, t->dirfd, "box", t->fd, exclusive, &f->options);
}

/*
 * A delivery agent: holds a POSIX lock of the type given until it is killed, or for some
 * milliseconds.
 */
static pid_t
agent_start(const struct mbox_fixture *f, short type, long ms)
{
	struct flock whole = {.l_type = type, .l_whence = SEEK_SET};
	const struct timespec pause = {ms / 1000, ms % 1000 * 1000000};
	int ready[2];
	pid_t pid;
	char c;

	assert_int_equal(pipe(ready), 0);
	pid = fork();
	if (pid == 0) {
		const int fd = open(f->path, O_RDWR);

		if (fcntl(fd, F_SETLK, &whole) == 0 && write(ready[1], "", 1) == 1)
			nanosleep(&pause, NULL);
		_exit(0);
	}
	assert_true(pid > 0);
	close(ready[1]);
	assert_int_equal(read(ready[0], &c, 1), 1);
	close(ready[0]);
	return pid;
}

static void
agent_stop(pid_t pid)
{
	kill(pid, SIGKILL);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
}

/* Whether another process could get a lock of this type now. */
static bool
agent_can_lock(const struct mbox_fixture *f, short type)
{
	struct flock whole = {.l_type = type, .l_whence = SEEK_SET};
	const int fd = open(f->path, O_RDWR | O_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(fcntl(fd, F_GETLK, &whole), 0);
	close(fd);
	return whole.l_type == F_UNLCK;
}

static void
takes_and_releases_both(void **state)
{
	struct mbox_fixture *f = *state;
	struct target t;

	target_open(f, &t);
	for (int order = 0; order < 2; order++) {
		f->options.mbox_locks[order] = MAIL_LOCK_FCNTL;
		f->options.mbox_locks[1 - order] = MAIL_LOCK_DOTLOCK;
		assert_int_equal(take(f, &t, true), MAIL_OK);
		assert_false(agent_can_lock(f, F_RDLCK));
		assert_true(mbox_fixture_has(f, LOCK));
		delivery_lock_release(&t.lock);
		assert_true(agent_can_lock(f, F_WRLCK));
		assert_false(mbox_fixture_has(f, LOCK));
	}
	target_close(&t);
}

static void
only_what_is_configured(void **state)
{
	struct mbox_fixture *f = *state;
	struct target t;

	target_open(f, &t);
	f->options.mbox_locks[0] = MAIL_LOCK_FCNTL;
	f->options.mbox_locks[1] = MAIL_LOCK_NONE;
	assert_int_equal(take(f, &t, true), MAIL_OK);
	assert_false(mbox_fixture_has(f, LOCK));
	delivery_lock_release(&t.lock);
	f->options.mbox_locks[0] = MAIL_LOCK_DOTLOCK;
	assert_int_equal(take(f, &t, true), MAIL_OK);
	assert_true(agent_can_lock(f, F_WRLCK));
	delivery_lock_release(&t.lock);
	target_close(&t);
}

/* Never without any lock, whatever the reason. */
static void
none_at_all(void **state)
{
	struct mbox_fixture *f = *state;
	enum mail_status dotlock, both;
	struct target t;

	target_open(f, &t);
	f->options.mbox_locks[0] = MAIL_LOCK_NONE;
	assert_int_equal(take(f, &t, true), MAIL_PERM);
	assert_int_equal(f->logged, 1);
	if (geteuid() != 0)
		fail_msg("this test needs root");
	assert_int_equal(chmod(f->directory, 0555), 0);
	assert_int_equal(seteuid(65534), 0);
	f->options.mbox_locks[0] = MAIL_LOCK_DOTLOCK;
	f->options.mbox_locks[1] = MAIL_LOCK_NONE;
	dotlock = take(f, &t, true);
	f->options.mbox_locks[1] = MAIL_LOCK_FCNTL;
	both = take(f, &t, true);
	assert_int_equal(seteuid(0), 0);
	assert_int_equal(dotlock, MAIL_PERM);
	assert_int_equal(f->logged, 2);
	assert_int_equal(both, MAIL_OK);
	assert_false(t.lock.dotlock_held);
	delivery_lock_release(&t.lock);
	/* A dotlock that somebody with more rights has made holds us, too. */
	mbox_fixture_write(mbox_fixture_file(f, LOCK), "1:elsewhere", 11);
	assert_int_equal(seteuid(65534), 0);
	both = take(f, &t, true);
	assert_int_equal(seteuid(0), 0);
	assert_int_equal(both, MAIL_TEMP);
	assert_true(agent_can_lock(f, F_WRLCK));
	target_close(&t);
}

/* What takes long must not look dead to those who go by the age of a dotlock. */
static void
refresh_renews(void **state)
{
	struct mbox_fixture *f = *state;
	const struct timespec old[2] = {{1000, 0}, {1000, 0}};
	struct target t;
	struct stat st;

	target_open(f, &t);
	delivery_lock_refresh(NULL);
	assert_int_equal(take(f, &t, true), MAIL_OK);
	assert_int_equal(utimensat(t.dirfd, "box.lock", old, 0), 0);
	delivery_lock_refresh(&t.lock);
	assert_int_equal(fstatat(t.dirfd, "box.lock", &st, 0), 0);
	assert_int_equal(st.st_mtime, 1000);
	t.lock.touched -= 60;
	delivery_lock_refresh(&t.lock);
	assert_int_equal(fstatat(t.dirfd, "box.lock", &st, 0), 0);
	assert_true(st.st_mtime > 1000);
	delivery_lock_release(&t.lock);
	target_close(&t);
}

static void
readers_share(void **state)
{
	struct mbox_fixture *f = *state;
	struct target t;
	pid_t agent;

	target_open(f, &t);
	agent = agent_start(f, F_RDLCK, 60000);
	assert_int_equal(take(f, &t, false), MAIL_OK);
	assert_true(agent_can_lock(f, F_RDLCK));
	assert_false(agent_can_lock(f, F_WRLCK));
	delivery_lock_release(&t.lock);
	assert_int_equal(take(f, &t, true), MAIL_TEMP);
	agent_stop(agent);
	target_close(&t);
}

/* It must survive that a library opens and closes the same file. */
static void
other_descriptors_do_not_unlock(void **state)
{
	struct mbox_fixture *f = *state;
	struct target t;
	pid_t pid;
	int status;

	target_open(f, &t);
	assert_int_equal(take(f, &t, true), MAIL_OK);
	close(open(f->path, O_RDWR | O_CLOEXEC));
	pid = fork();
	if (pid == 0)
		_exit(agent_can_lock(f, F_RDLCK) ? 1 : 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	delivery_lock_release(&t.lock);
	target_close(&t);
}

static void
busy_leaves_nothing(void **state)
{
	struct mbox_fixture *f = *state;
	struct target t;
	pid_t agent;

	target_open(f, &t);
	f->options.mbox_locks[0] = MAIL_LOCK_DOTLOCK;
	f->options.mbox_locks[1] = MAIL_LOCK_FCNTL;
	agent = agent_start(f, F_WRLCK, 60000);
	assert_int_equal(take(f, &t, false), MAIL_TEMP);
	assert_int_equal(f->logged, 1);
	assert_non_null(strstr(f->last_log, "fcntl"));
	assert_false(mbox_fixture_has(f, LOCK));
	agent_stop(agent);
	f->options.mbox_locks[0] = MAIL_LOCK_FCNTL;
	f->options.mbox_locks[1] = MAIL_LOCK_DOTLOCK;
	mbox_fixture_write(mbox_fixture_file(f, LOCK), "1:elsewhere", 11);
	assert_int_equal(take(f, &t, true), MAIL_TEMP);
	assert_non_null(strstr(f->last_log, "dotlock"));
	assert_true(agent_can_lock(f, F_WRLCK));
	target_close(&t);
}

static void
waits_as_long_as_told(void **state)
{
	struct mbox_fixture *f = *state;
	struct timespec begin, end;
	struct target t;
	pid_t agent;

	target_open(f, &t);
	f->options.lock_wait = 1;
	agent = agent_start(f, F_WRLCK, 60000);
	clock_gettime(CLOCK_MONOTONIC, &begin);
	assert_int_equal(take(f, &t, true), MAIL_TEMP);
	clock_gettime(CLOCK_MONOTONIC, &end);
	assert_in_range((end.tv_sec - begin.tv_sec) * 1000 +
				(end.tv_nsec - begin.tv_nsec) / 1000000,
		1000, 1900);
	agent_stop(agent);
	f->options.lock_wait = 20;
	agent = agent_start(f, F_WRLCK, 200);
	assert_int_equal(take(f, &t, true), MAIL_OK);
	agent_stop(agent);
	delivery_lock_release(&t.lock);
	target_close(&t);
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
test_delivery_lock(void)
{
	const struct CMUnitTest tests[] = {
		TEST(takes_and_releases_both),
		TEST(only_what_is_configured),
		TEST(none_at_all),
		TEST(refresh_renews),
		TEST(readers_share),
		TEST(other_descriptors_do_not_unlock),
		TEST(busy_leaves_nothing),
		TEST(waits_as_long_as_told),
	};

	return cmocka_run_group_tests_name("delivery_lock", tests, NULL, NULL);
}
