#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "mailstore/dotlock.h"
#include "mailstore/dotlock_stale.h"
#include "tests/unit/mbox_fixture.h"
#include "tests/unit/tests.h"

#define LOCK "spool/box.lock"

static struct dotlock dot;

static enum dotlock_result
try_lock(struct mbox_fixture *f)
{
	const int dirfd = open(f->directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	enum dotlock_result result;

	assert_true(dirfd >= 0);
	dotlock_init(&dot, dirfd, "box", &f->options);
	result = dotlock_try(&dot);
	if (result != DOTLOCK_TAKEN)
		close(dirfd);
	return result;
}

static void
release(void)
{
	dotlock_release(&dot);
	close(dot.dirfd);
}

static void
sweep(const struct mbox_fixture *f)
{
	const int dirfd = open(f->directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	assert_true(dirfd >= 0);
	dotlock_sweep(dirfd, "box");
	close(dirfd);
}

static void
put_lock(const struct mbox_fixture *f, const char *text)
{
	mbox_fixture_write(mbox_fixture_file(f, LOCK), text, strlen(text));
}

/* Let a file, or the lock, look `seconds` older than it is. */
static void
age_file(const struct mbox_fixture *f, const char *name, time_t seconds)
{
	struct timespec times[2] = {{.tv_nsec = UTIME_OMIT}};
	struct stat st;

	assert_int_equal(stat(mbox_fixture_file(f, name), &st), 0);
	times[1].tv_sec = st.st_mtim.tv_sec - seconds;
	assert_int_equal(utimensat(AT_FDCWD, mbox_fixture_file(f, name), times, 0), 0);
}

static void
age_lock(const struct mbox_fixture *f, time_t seconds)
{
	age_file(f, LOCK, seconds);
}

/* Seconds that the machine is up. */
static time_t
since_start(void)
{
	struct timespec up;

	assert_int_equal(clock_gettime(CLOCK_BOOTTIME, &up), 0);
	return up.tv_sec;
}

/* Half of that, but at most an age that does not make stale. */
static time_t
age_of_living(void)
{
	const time_t half = since_start() / 2;

	return half < DOTLOCK_STALE - 60 ? half : DOTLOCK_STALE - 60;
}

/* A pid that nobody has: of a child that was waited for. */
static long
dead_pid(void)
{
	const pid_t pid = fork();

	if (pid == 0)
		_exit(0);
	assert_true(pid > 0);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	return (long)pid;
}

static void
put_pid(const struct mbox_fixture *f, long pid)
{
	char host[256] = "", text[300];

	assert_int_equal(gethostname(host, sizeof host - 1), 0);
	snprintf(text, sizeof text, "%ld:%s\n", pid, host);
	put_lock(f, text);
}

static void
holds_pid_and_host(void **state)
{
	struct mbox_fixture *f = *state;
	char host[256] = "", text[300];
	struct bytes bytes;

	assert_int_equal(try_lock(f), DOTLOCK_TAKEN);
	assert_int_equal(gethostname(host, sizeof host - 1), 0);
	snprintf(text, sizeof text, "%ld:%s\n", (long)getpid(), host);
	bytes = mbox_fixture_read(mbox_fixture_file(f, LOCK));
	assert_string_equal((char *)bytes.p, text);
	free(bytes.p);
	release();
	assert_false(mbox_fixture_has(f, LOCK));
	assert_int_equal(mbox_fixture_hidden(f, "spool"), 0);
	assert_int_equal(f->logged, 0);
}

static void
respects_the_living(void **state)
{
	struct mbox_fixture *f = *state;
	static const char *const texts[] = {"1", "1:elsewhere\n", "999999999:elsewhere\n",
		"0\n", "", "text\n", "99999999999999999999\n", "12 13\n", "-4\n"};
	char own[32];

	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
		put_lock(f, texts[i]);
		assert_int_equal(try_lock(f), DOTLOCK_HELD);
		age_lock(f, age_of_living());
		assert_int_equal(try_lock(f), DOTLOCK_HELD);
		assert_true(mbox_fixture_has(f, LOCK));
	}
	snprintf(own, sizeof own, "%ld\n", (long)getpid());
	put_lock(f, own);
	assert_int_equal(try_lock(f), DOTLOCK_HELD);
	assert_int_equal(mbox_fixture_hidden(f, "spool"), 0);
}

static void
breaks_the_dead(void **state)
{
	struct mbox_fixture *f = *state;
	char host[256] = "", text[300];

	snprintf(text, sizeof text, "%ld\n", dead_pid());
	put_lock(f, text);
	assert_int_equal(try_lock(f), DOTLOCK_TAKEN);
	release();
	assert_int_equal(f->logged, 1);
	assert_int_equal(gethostname(host, sizeof host - 1), 0);
	snprintf(text, sizeof text, "%ld:%s\n", dead_pid(), host);
	put_lock(f, text);
	assert_int_equal(try_lock(f), DOTLOCK_TAKEN);
	release();
	snprintf(text, sizeof text, "%ld:not-%s\n", dead_pid(), host);
	put_lock(f, text);
	assert_int_equal(try_lock(f), DOTLOCK_HELD);
	/* One of our own that could not be removed. */
	put_pid(f, (long)getpid());
	assert_int_equal(try_lock(f), DOTLOCK_TAKEN);
	release();
}

static void
breaks_the_old(void **state)
{
	struct mbox_fixture *f = *state;

	put_lock(f, "1:elsewhere\n");
	age_lock(f, DOTLOCK_STALE + 60);
	assert_int_equal(try_lock(f), DOTLOCK_TAKEN);
	release();
	assert_int_equal(mbox_fixture_hidden(f, "spool"), 0);
	assert_false(mbox_fixture_has(f, LOCK));
}

/* Where the power went out the text of a lock may be lost; that is no reason to wait. */
static void
breaks_the_empty_from_before_the_start(void **state)
{
	static const char nulls[8];
	struct mbox_fixture *f = *state;
	const int dirfd = open(f->directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	const time_t past = since_start() + 2;
	struct dotlock d;
	struct stat st;
	const char *why;

	assert_true(dirfd >= 0);
	dotlock_init(&d, dirfd, "box", &f->options);
	(void)snprintf(d.lock, sizeof d.lock, "box.lock");
	for (size_t n = 0; n <= sizeof nulls; n += sizeof nulls) {
		mbox_fixture_write(mbox_fixture_file(f, LOCK), nulls, n);
		age_lock(f, past);
		assert_int_equal(stat(mbox_fixture_file(f, LOCK), &st), 0);
		/* By a clock that makes it new, so that its age is no reason. */
		assert_true(dotlock_stale(&d, st.st_mtime, &st, &why));
		assert_string_equal(why, "its process is dead");
	}
	put_lock(f, "1:elsewhere\n");
	age_lock(f, past);
	assert_false(dotlock_stale(&d, st.st_mtime, &st, &why));
	close(dirfd);
}

/* Age says nothing while the process named can be seen to live. */
static void
living_may_take_long(void **state)
{
	struct mbox_fixture *f = *state;
	struct timespec up;

	/* What is older than the machine's start cannot be of a living process. */
	assert_int_equal(clock_gettime(CLOCK_BOOTTIME, &up), 0);
	put_pid(f, (long)getppid());
	age_lock(f, DOTLOCK_STALE + 60);
	/* Clocks may differ by a minute: on a machine just started this is such a lock.
	 */
	if (up.tv_sec < DOTLOCK_STALE) {
		assert_int_equal(try_lock(f), DOTLOCK_TAKEN);
		release();
		return;
	}
	assert_int_equal(try_lock(f), DOTLOCK_HELD);
	assert_int_equal(f->logged, 0);
	age_lock(f, up.tv_sec + 1000);
	assert_int_equal(try_lock(f), DOTLOCK_TAKEN);
	release();
}

static void
touch_renews(void **state)
{
	struct mbox_fixture *f = *state;
	struct stat before, after;

	assert_int_equal(try_lock(f), DOTLOCK_TAKEN);
	assert_int_equal(stat(mbox_fixture_file(f, LOCK), &before), 0);
	age_lock(f, 200);
	dotlock_touch(&dot);
	assert_int_equal(stat(mbox_fixture_file(f, LOCK), &after), 0);
	assert_true(after.st_mtime >= before.st_mtime);
	release();
	assert_false(mbox_fixture_has(f, LOCK));
}

/* The name of ours that others see must not be one that they can take before us. */
static void
squatters_are_not_in_the_way(void **state)
{
	struct mbox_fixture *f = *state;

	assert_int_equal(mkdir(mbox_fixture_file(f, "spool/.box.pop3d-dot"), 0700), 0);
	assert_int_equal(mkdir(mbox_fixture_file(f, "spool/.box.pop3d-stale"), 0700), 0);
	put_pid(f, dead_pid());
	assert_int_equal(try_lock(f), DOTLOCK_TAKEN);
	/* Nothing stays but the lock. */
	assert_int_equal(mbox_fixture_hidden(f, "spool"), 2);
	release();
	assert_false(mbox_fixture_has(f, LOCK));
	assert_int_equal(mbox_fixture_hidden(f, "spool"), 2);
}

/* Names that a killed session left, and what only looks like them. */
static void
sweeps_leftovers(void **state)
{
	struct mbox_fixture *f = *state;
	char name[64];

	snprintf(name, sizeof name, "spool/.box.pop3d-dot-%ld-0123abcd", dead_pid());
	mbox_fixture_write(mbox_fixture_file(f, name), "", 0);
	snprintf(name, sizeof name, "spool/.box.pop3d-dot-%ld-0-stale", dead_pid());
	mbox_fixture_write(mbox_fixture_file(f, name), "", 0);
	sweep(f);
	assert_int_equal(mbox_fixture_hidden(f, "spool"), 0);
	snprintf(name, sizeof name, "spool/.box.pop3d-dot-%ld-0", (long)getpid());
	mbox_fixture_write(mbox_fixture_file(f, name), "", 0);
	snprintf(name, sizeof name, "spool/.box2.pop3d-dot-%ld-0", dead_pid());
	mbox_fixture_write(mbox_fixture_file(f, name), "", 0);
	mbox_fixture_write(mbox_fixture_file(f, "spool/.box.pop3d-dot-x"), "", 0);
	snprintf(name, sizeof name, "spool/.box.pop3d-dot-%ld-1", dead_pid());
	assert_int_equal(mkdir(mbox_fixture_file(f, name), 0700), 0);
	sweep(f);
	assert_int_equal(mbox_fixture_hidden(f, "spool"), 4);
	/* Of a process that had this pid before the machine was started. */
	snprintf(name, sizeof name, "spool/.box.pop3d-dot-%ld-0", (long)getpid());
	age_file(f, name, 3600 + since_start());
	sweep(f);
	assert_int_equal(mbox_fixture_hidden(f, "spool"), 3);
	if (geteuid() != 0)
		return;
	snprintf(name, sizeof name, "spool/.box.pop3d-dot-%ld-2", dead_pid());
	mbox_fixture_write(mbox_fixture_file(f, name), "", 0);
	assert_int_equal(chown(mbox_fixture_file(f, name), 65534, 65534), 0);
	sweep(f);
	assert_true(mbox_fixture_has(f, name));
}

/* "jo.lock" may be the mbox of a user of that name. */
static void
an_mbox_is_no_lock(void **state)
{
	static const char from[] = "From a@b Tue Nov 23 15:28:00 2025\n";
	struct mbox_fixture *f = *state;
	char text[1026];

	put_lock(f, from);
	age_lock(f, DOTLOCK_STALE + 60);
	assert_int_equal(try_lock(f), DOTLOCK_HELD);
	assert_int_equal(f->logged, 1);
	memset(text, '1', sizeof text);
	text[0] = '\n';
	text[sizeof text - 1] = '\0';
	put_lock(f, text);
	age_lock(f, DOTLOCK_STALE + 60);
	assert_int_equal(try_lock(f), DOTLOCK_HELD);
	assert_true(mbox_fixture_has(f, LOCK));
	text[1024] = '\0';
	put_lock(f, text);
	age_lock(f, DOTLOCK_STALE + 60);
	assert_int_equal(try_lock(f), DOTLOCK_TAKEN);
	release();
}

static void
symlink_is_not_followed(void **state)
{
	struct mbox_fixture *f = *state;

	put_lock(f, "");
	assert_int_equal(unlink(mbox_fixture_file(f, LOCK)), 0);
	assert_int_equal(symlink("/etc/passwd", mbox_fixture_file(f, LOCK)), 0);
	assert_int_equal(try_lock(f), DOTLOCK_HELD);
	assert_true(mbox_fixture_has(f, LOCK));
	assert_int_equal(f->logged, 1);
}

/* Somebody who took our lock over must not lose it. */
static void
release_spares_others(void **state)
{
	struct mbox_fixture *f = *state;

	assert_int_equal(try_lock(f), DOTLOCK_TAKEN);
	assert_int_equal(unlink(mbox_fixture_file(f, LOCK)), 0);
	put_lock(f, "1:elsewhere\n");
	release();
	assert_true(mbox_fixture_has(f, LOCK));
	assert_int_equal(mbox_fixture_hidden(f, "spool"), 0);
}

static enum dotlock_result
try_unprivileged(struct mbox_fixture *f)
{
	enum dotlock_result result;

	assert_int_equal(chmod(f->directory, 0555), 0);
	if (geteuid() == 0)
		assert_int_equal(seteuid(65534), 0);
	result = try_lock(f);
	if (getuid() == 0)
		assert_int_equal(seteuid(0), 0);
	assert_int_equal(chmod(f->directory, 0755), 0);
	return result;
}

/* Others, who may make a lock here, count nevertheless. */
static void
directory_not_writable(void **state)
{
	struct mbox_fixture *f = *state;

	assert_int_equal(try_unprivileged(f), DOTLOCK_UNUSABLE);
	put_lock(f, "1:elsewhere\n");
	assert_int_equal(chmod(mbox_fixture_file(f, LOCK), 0644), 0);
	assert_int_equal(try_unprivileged(f), DOTLOCK_HELD);
	age_lock(f, DOTLOCK_STALE + 60);
	assert_int_equal(try_unprivileged(f), DOTLOCK_UNUSABLE);
	put_pid(f, dead_pid());
	assert_int_equal(try_unprivileged(f), DOTLOCK_UNUSABLE);
	put_pid(f, (long)getppid());
	assert_int_equal(try_unprivileged(f), DOTLOCK_HELD);
	assert_true(mbox_fixture_has(f, LOCK));
	assert_int_equal(f->logged, 0);
}

static void
name_too_long(void **state)
{
	struct mbox_fixture *f = *state;
	char name[300];

	memset(name, 'x', 250);
	name[250] = '\0';
	dotlock_init(&dot, AT_FDCWD, name, &f->options);
	assert_int_equal(dotlock_try(&dot), DOTLOCK_ERROR);
	assert_int_equal(f->logged, 1);
}

#define TEST(function)                                                                   \
	cmocka_unit_test_setup_teardown(                                                 \
		function, mbox_fixture_set_up, mbox_fixture_tear_down)

int
test_dotlock(void)
{
	const struct CMUnitTest tests[] = {
		TEST(holds_pid_and_host),
		TEST(respects_the_living),
		TEST(breaks_the_dead),
		TEST(breaks_the_old),
		TEST(breaks_the_empty_from_before_the_start),
		TEST(living_may_take_long),
		TEST(touch_renews),
		TEST(squatters_are_not_in_the_way),
		TEST(sweeps_leftovers),
		TEST(an_mbox_is_no_lock),
		TEST(symlink_is_not_followed),
		TEST(release_spares_others),
		TEST(directory_not_writable),
		TEST(name_too_long),
	};

	return cmocka_run_group_tests_name("dotlock", tests, NULL, NULL);
}
