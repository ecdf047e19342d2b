/* Sessions of other hosts, by the texts and times that they would leave. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "mailstore/lock_lease.h"
#include "tests/unit/lock_fixture.h"
#include "tests/unit/tests.h"

#define LOCK_TEST(function)                                                              \
	cmocka_unit_test_setup_teardown(                                                 \
		function, lock_fixture_set_up, lock_fixture_tear_down)
#define PROBE LOCK_NAME "-probe"

static enum mail_status
try_take(void)
{
	struct session_lock lock;
	const enum mail_status status = lock_take(&lock);

	if (status == MAIL_OK)
		session_lock_release(&lock, false);
	return status;
}

static void
test_elsewhere(void **state)
{
	struct lock_holder holder = lock_holder_elsewhere();

	(void)state;
	lock_put_holder(&holder);
	assert_int_equal(try_take(), MAIL_BUSY);
	assert_string_equal(lock_get().generation, holder.generation);
	lock_age(25);
	assert_int_equal(try_take(), MAIL_BUSY);
	lock_age(31);
	assert_int_equal(try_take(), MAIL_OK);
	/* A clock that was a year ahead, and was set right since. */
	lock_put_holder(&holder);
	lock_age(-365L * 86400);
	assert_int_equal(try_take(), MAIL_OK);
	lock_put_holder(&holder);
	lock_age(-20);
	assert_int_equal(try_take(), MAIL_BUSY);
	assert_int_not_equal(faccessat(lock_dirfd, PROBE, F_OK, 0), 0);
}

/* The lease is as long as its holder says. */
static void
test_length_of_the_lease(void **state)
{
	struct lock_holder holder = lock_holder_elsewhere();

	(void)state;
	holder.lease = 1000;
	lock_put_holder(&holder);
	lock_age(990);
	assert_int_equal(try_take(), MAIL_BUSY);
	lock_age(1001);
	assert_int_equal(try_take(), MAIL_OK);
}

static void
test_states(void **state)
{
	struct lock_holder holder = lock_holder_elsewhere();
	struct session_lock lock;

	(void)state;
	holder.state = LOCK_FREE;
	lock_put_holder(&holder);
	assert_int_equal(lock_take(&lock), MAIL_OK);
	assert_false(lock.died);
	session_lock_release(&lock, false);
	holder.state = LOCK_LEFT;
	lock_put_holder(&holder);
	assert_int_equal(lock_take(&lock), MAIL_OK);
	assert_true(lock.died);
	session_lock_release(&lock, false);
}

static void
test_same_machine(void **state)
{
	struct lock_holder holder;
	struct session_lock lock;

	(void)state;
	assert_true(lock_holder_self(&holder, 30));
	lock_put_holder(&holder);
	assert_int_equal(lock_take(&lock), MAIL_OK);
	assert_true(lock.died);
	session_lock_release(&lock, false);
	snprintf(holder.boot, sizeof holder.boot, "0");
	lock_put_holder(&holder);
	assert_int_equal(try_take(), MAIL_OK);
}

static void
test_garbage(void **state)
{
	static const char *const texts[] = {
		"x", "\n", "pop3d-lock 1 free \n", "host=a boot=b pid=1 start=2\n"};
	char large[4096] = "";

	(void)state;
	for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
		lock_put(texts[i], strlen(texts[i]));
		assert_int_equal(try_take(), MAIL_BUSY);
		lock_age(31);
		assert_int_equal(try_take(), MAIL_OK);
	}
	lock_put(large, sizeof large);
	assert_int_equal(try_take(), MAIL_BUSY);
	lock_put("", 0);
	assert_int_equal(try_take(), MAIL_OK);
}

static void
test_probe_in_the_way(void **state)
{
	struct lock_holder holder = lock_holder_elsewhere();
	struct stat st;
	int fd;

	(void)state;
	lock_put_holder(&holder);
	/* One that was left, with a time of its own. */
	fd = openat(lock_dirfd, PROBE, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	assert_int_equal(futimens(fd, (const struct timespec[]){{0}, {0}}), 0);
	close(fd);
	assert_int_equal(try_take(), MAIL_BUSY);
	assert_int_not_equal(faccessat(lock_dirfd, PROBE, F_OK, 0), 0);
	/* What is no probe stays, and the access time of the lock file is used. */
	assert_int_equal(mkdirat(lock_dirfd, PROBE, 0700), 0);
	assert_int_equal(try_take(), MAIL_BUSY);
	lock_age(31);
	assert_int_equal(try_take(), MAIL_OK);
	assert_int_equal(unlinkat(lock_dirfd, PROBE, AT_REMOVEDIR), 0);
	lock_put_holder(&holder);
	assert_int_equal(symlinkat("other", lock_dirfd, PROBE), 0);
	assert_int_equal(try_take(), MAIL_BUSY);
	assert_int_not_equal(fstatat(lock_dirfd, "other", &st, 0), 0);
	assert_int_equal(unlinkat(lock_dirfd, PROBE, 0), 0);
	assert_int_equal(mkfifoat(lock_dirfd, PROBE, 0600), 0);
	assert_int_equal(try_take(), MAIL_BUSY);
	assert_int_equal(unlinkat(lock_dirfd, PROBE, 0), 0);
}

/*
 * Many looks within one tick of the kernel's clock, while reading the text sets the
 * access time as well.
 */
static void
test_access_time(void **state)
{
	struct lock_holder holder = lock_holder_elsewhere();
	unsigned known = 0;
	int fd;

	(void)state;
	lock_put_holder(&holder);
	assert_int_equal(mkdirat(lock_dirfd, PROBE, 0700), 0);
	fd = openat(lock_dirfd, LOCK_NAME, O_RDWR | O_CLOEXEC);
	for (int i = 0; i < 50; i++) {
		const enum lock_lease lease = lock_lease(lock_dirfd, LOCK_NAME, fd, 30);
		char c;

		assert_int_not_equal(lease, LEASE_OUT);
		known += lease == LEASE_RUNS;
		assert_int_equal(pread(fd, &c, 1, 0), 1);
		nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
	}
	/* A second may begin between two clocks of the kernel. */
	assert_true(known > 40);
	close(fd);
	assert_int_equal(unlinkat(lock_dirfd, PROBE, AT_REMOVEDIR), 0);
}

static time_t
touched(void)
{
	struct stat st;

	assert_int_equal(fstatat(lock_dirfd, LOCK_NAME, &st, 0), 0);
	return st.st_mtim.tv_sec;
}

static void
test_keep(void **state)
{
	struct session_lock lock = SESSION_LOCK_NONE;

	(void)state;
	assert_int_equal(session_lock_keep(&lock), MAIL_OK);
	assert_int_equal(session_lock_check(&lock), MAIL_OK);
	assert_int_equal(lock_take(&lock), MAIL_OK);
	lock_age(1000);
	const time_t old = touched();
	assert_int_equal(session_lock_keep(&lock), MAIL_OK);
	assert_int_equal(touched(), old);
	lock.due -= 10;
	assert_int_equal(session_lock_keep(&lock), MAIL_OK);
	assert_true(touched() > old + 900);
	lock_age(1000);
	assert_int_equal(session_lock_check(&lock), MAIL_OK);
	assert_true(touched() > old + 900);
	session_lock_release(&lock, false);
	assert_int_equal(lock.fd, -1);
	assert_int_equal(session_lock_keep(&lock), MAIL_OK);
	assert_int_equal(lock_logged, 0);
}

/* Another host's text stays, also when the loser ends. */
static void
test_taken_over(void **state)
{
	struct lock_holder holder = lock_holder_elsewhere();
	struct session_lock lock;
	char text[LOCK_TEXT];
	int fd;

	(void)state;
	assert_int_equal(lock_take(&lock), MAIL_OK);
	fd = openat(lock_dirfd, LOCK_NAME, O_WRONLY | O_CLOEXEC);
	lock_text_make(text, &holder);
	assert_int_equal(pwrite(fd, text, sizeof text, 0), (ssize_t)sizeof text);
	close(fd);
	assert_int_equal(session_lock_keep(&lock), MAIL_OK);
	assert_int_equal(session_lock_check(&lock), MAIL_BUSY);
	assert_int_equal(lock_logged, 1);
	assert_int_equal(session_lock_keep(&lock), MAIL_BUSY);
	assert_int_equal(session_lock_check(&lock), MAIL_BUSY);
	assert_int_equal(lock_logged, 1);
	session_lock_release(&lock, false);
	assert_string_equal(lock_get().generation, holder.generation);
	assert_int_equal(lock_get().state, LOCK_HELD);
}

/* So it does when the loser ends before it was time to look. */
static void
test_taken_over_at_the_end(void **state)
{
	struct lock_holder holder = lock_holder_elsewhere();
	struct session_lock lock;

	(void)state;
	assert_int_equal(lock_take(&lock), MAIL_OK);
	lock_put_holder(&holder);
	session_lock_release(&lock, false);
	assert_string_equal(lock_get().generation, holder.generation);
	assert_int_equal(lock_get().state, LOCK_HELD);
	assert_int_equal(lock_logged, 1);
}

/* The text did not get to a full disk, which nobody knew when it was written. */
static void
test_text_is_gone(void **state)
{
	const struct lock_holder holder = lock_holder_elsewhere();
	struct session_lock lock;

	(void)state;
	assert_int_equal(lock_take(&lock), MAIL_OK);
	lock_put("", 0);
	assert_int_equal(session_lock_check(&lock), MAIL_OK);
	assert_int_equal(session_lock_check(&lock), MAIL_OK);
	assert_int_equal(lock_logged, 1);
	lock_put_holder(&holder);
	assert_int_equal(session_lock_check(&lock), MAIL_BUSY);
	session_lock_release(&lock, false);

	assert_int_equal(unlinkat(lock_dirfd, LOCK_NAME, 0), 0);
	assert_int_equal(lock_take(&lock), MAIL_OK);
	lock_put("", 0);
	session_lock_release(&lock, false);
	assert_int_equal(lock_get().state, LOCK_FREE);
	assert_int_equal(try_take(), MAIL_OK);
}

/* A clock that was days ahead, in a directory where no file can be made to ask it. */
static void
test_time_ahead(void **state)
{
	const struct lock_holder holder = lock_holder_elsewhere();

	(void)state;
	lock_put_holder(&holder);
	assert_int_equal(mkdirat(lock_dirfd, PROBE, 0700), 0);
	lock_age(-10L * 86400);
	assert_int_equal(try_take(), MAIL_OK);
	lock_put_holder(&holder);
	lock_age(-20);
	assert_int_equal(try_take(), MAIL_BUSY);
	assert_int_equal(unlinkat(lock_dirfd, PROBE, AT_REMOVEDIR), 0);
}

static void
test_removed(void **state)
{
	struct session_lock lock;

	(void)state;
	assert_int_equal(lock_take(&lock), MAIL_OK);
	assert_int_equal(unlinkat(lock_dirfd, LOCK_NAME, 0), 0);
	lock.due = 0;
	assert_int_equal(session_lock_keep(&lock), MAIL_BUSY);
	session_lock_release(&lock, false);

	assert_int_equal(lock_take(&lock), MAIL_OK);
	assert_int_equal(unlinkat(lock_dirfd, LOCK_NAME, 0), 0);
	lock_put(lock.text, sizeof lock.text);
	assert_int_equal(session_lock_check(&lock), MAIL_BUSY);
	session_lock_release(&lock, false);
	assert_int_equal(lock_logged, 2);
}

/* Who waits sees within the time that the other host's session ended. */
static void
test_waiting(void **state)
{
	struct lock_holder holder = lock_holder_elsewhere();
	const pid_t pid = fork();

	(void)state;
	if (pid == 0) {
		nanosleep(&(struct timespec){.tv_nsec = 700000000}, NULL);
		holder.state = LOCK_FREE;
		lock_put_holder(&holder);
		_exit(0);
	}
	lock_put_holder(&holder);
	lock_options.lock_wait = 10;
	assert_int_equal(try_take(), MAIL_OK);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
}

int
test_lock_lease(void)
{
	const struct CMUnitTest tests[] = {
		LOCK_TEST(test_elsewhere),
		LOCK_TEST(test_length_of_the_lease),
		LOCK_TEST(test_states),
		LOCK_TEST(test_same_machine),
		LOCK_TEST(test_garbage),
		LOCK_TEST(test_probe_in_the_way),
		LOCK_TEST(test_access_time),
		LOCK_TEST(test_keep),
		LOCK_TEST(test_taken_over),
		LOCK_TEST(test_taken_over_at_the_end),
		LOCK_TEST(test_removed),
		LOCK_TEST(test_text_is_gone),
		LOCK_TEST(test_time_ahead),
		LOCK_TEST(test_waiting),
	};

	return cmocka_run_group_tests_name("lock_lease", tests, NULL, NULL);
}
