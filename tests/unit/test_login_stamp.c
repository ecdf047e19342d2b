#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "mailstore/login_stamp.h"
#include "tests/unit/lock_fixture.h"
#include "tests/unit/tests.h"

#define STAMP_TEST(function)                                                             \
	cmocka_unit_test_setup_teardown(function, lock_fixture_set_up, tear_down)
#define NAME "login"

static int
tear_down(void **state)
{
	(void)unlinkat(lock_dirfd, NAME, 0);
	return lock_fixture_tear_down(state);
}

static enum mail_status
login(unsigned delay)
{
	struct mail_options options = lock_options;

	options.login_delay = delay;
	return login_stamp(lock_dirfd, NAME, &options);
}

static int64_t
stamp_get(void)
{
	struct stat st;

	assert_int_equal(fstatat(lock_dirfd, NAME, &st, AT_SYMLINK_NOFOLLOW), 0);
	return st.st_mtim.tv_sec * INT64_C(1000000000) + st.st_mtim.tv_nsec;
}

/* The last login was so many seconds before now. */
static void
stamp_age(long seconds)
{
	const struct timespec times[2] = {
		{.tv_nsec = UTIME_OMIT}, {.tv_sec = time(NULL) - seconds, .tv_nsec = 1}};

	assert_int_equal(utimensat(lock_dirfd, NAME, times, 0), 0);
}

static void
test_counts_from_the_last_login(void **state)
{
	int64_t before;

	(void)state;
	assert_int_equal(login(100), MAIL_OK);
	assert_int_equal(login(100), MAIL_EARLY);
	stamp_age(90);
	before = stamp_get();
	/* One that is refused starts nothing anew. */
	assert_int_equal(login(100), MAIL_EARLY);
	assert_int_equal(login(100), MAIL_EARLY);
	assert_true(stamp_get() == before);
	stamp_age(102);
	assert_int_equal(login(100), MAIL_OK);
	assert_int_equal(login(100), MAIL_EARLY);
	assert_int_equal(lock_logged, 0);
}

static void
test_no_delay_makes_no_file(void **state)
{
	(void)state;
	assert_int_equal(login(0), MAIL_OK);
	assert_int_equal(login(0), MAIL_OK);
	assert_int_not_equal(faccessat(lock_dirfd, NAME, F_OK, 0), 0);
}

static void
test_clock_set_back(void **state)
{
	(void)state;
	assert_int_equal(login(100), MAIL_OK);
	stamp_age(-3600);
	assert_int_equal(login(100), MAIL_OK);
	assert_int_equal(login(100), MAIL_EARLY);
}

/* What is no file of ours is neither touched nor in the way. */
static void
test_strange_file(void **state)
{
	struct stat st;

	(void)state;
	assert_int_equal(symlinkat("target", lock_dirfd, NAME), 0);
	assert_int_equal(login(100), MAIL_OK);
	assert_int_equal(lock_logged, 1);
	assert_int_not_equal(fstatat(lock_dirfd, "target", &st, 0), 0);
	assert_int_equal(unlinkat(lock_dirfd, NAME, 0), 0);
	assert_int_equal(mkdirat(lock_dirfd, NAME, 0700), 0);
	assert_int_equal(login(100), MAIL_OK);
	assert_int_equal(lock_logged, 2);
	assert_int_equal(unlinkat(lock_dirfd, NAME, AT_REMOVEDIR), 0);
	assert_int_equal(login(100), MAIL_OK);
	assert_int_equal(linkat(lock_dirfd, NAME, lock_dirfd, "second", 0), 0);
	assert_int_equal(login(100), MAIL_OK);
	assert_int_equal(login(100), MAIL_OK);
	assert_int_equal(lock_logged, 4);
	assert_non_null(strstr(lock_last_log, "not enforced"));
	assert_int_equal(unlinkat(lock_dirfd, "second", 0), 0);
}

int
test_login_stamp(void)
{
	const struct CMUnitTest tests[] = {
		STAMP_TEST(test_counts_from_the_last_login),
		STAMP_TEST(test_no_delay_makes_no_file),
		STAMP_TEST(test_clock_set_back),
		STAMP_TEST(test_strange_file),
	};

	return cmocka_run_group_tests_name("login_stamp", tests, NULL, NULL);
}
