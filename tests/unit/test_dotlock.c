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
#include <unistd.h>

#include <cmocka.h>

#include "mailstore/dotlock.h"
#include "tests/unit/mbox_fixture.h"
#include "tests/unit/tests.h"

#define LOCK "spool/box.lock"

static enum dotlock_result
try_lock(struct mbox_fixture *f)
{
	const int dirfd = open(f->directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	enum dotlock_result result;

	assert_true(dirfd >= 0);
	result = dotlock_try(dirfd, "box", &f->options);
	close(dirfd);
	return result;
}

static void
release(struct mbox_fixture *f)
{
	const int dirfd = open(f->directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	assert_true(dirfd >= 0);
	dotlock_release(dirfd, "box", &f->options);
	close(dirfd);
}

static void
put_lock(const struct mbox_fixture *f, const char *text)
{
	mbox_fixture_write(mbox_fixture_file(f, LOCK), text, strlen(text));
}

/* Let the lock look `seconds` older than it is. */
static void
age_lock(const struct mbox_fixture *f, time_t seconds)
{
	struct timespec times[2] = {{.tv_nsec = UTIME_OMIT}};
	struct stat st;

	assert_int_equal(stat(mbox_fixture_file(f, LOCK), &st), 0);
	times[1].tv_sec = st.st_mtim.tv_sec - seconds;
	assert_int_equal(utimensat(AT_FDCWD, mbox_fixture_file(f, LOCK), times, 0), 0);
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
	release(f);
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
		age_lock(f, DOTLOCK_STALE - 60);
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
	release(f);
	assert_int_equal(f->logged, 1);
	assert_int_equal(gethostname(host, sizeof host - 1), 0);
	snprintf(text, sizeof text, "%ld:%s\n", dead_pid(), host);
	put_lock(f, text);
	assert_int_equal(try_lock(f), DOTLOCK_TAKEN);
	release(f);
	snprintf(text, sizeof text, "%ld:not-%s\n", dead_pid(), host);
	put_lock(f, text);
	assert_int_equal(try_lock(f), DOTLOCK_HELD);
}

static void
breaks_the_old(void **state)
{
	struct mbox_fixture *f = *state;

	put_lock(f, "1:elsewhere\n");
	age_lock(f, DOTLOCK_STALE + 60);
	assert_int_equal(try_lock(f), DOTLOCK_TAKEN);
	release(f);
	assert_int_equal(mbox_fixture_hidden(f, "spool"), 0);
	assert_false(mbox_fixture_has(f, LOCK));
}

/* A killed session leaves both names of its lock; another process may have its pid. */
static void
breaks_its_own(void **state)
{
	struct mbox_fixture *f = *state;
	char own[1024];

	put_lock(f, "1:elsewhere\n");
	snprintf(own, sizeof own, "%s", mbox_fixture_file(f, "spool/.box.pop3d-dot"));
	assert_int_equal(link(mbox_fixture_file(f, LOCK), own), 0);
	assert_int_equal(try_lock(f), DOTLOCK_TAKEN);
	release(f);
	assert_int_equal(mbox_fixture_hidden(f, "spool"), 0);
	/* A name without a lock, and beside another's lock. */
	mbox_fixture_write(own, "1\n", 2);
	put_lock(f, "1:elsewhere\n");
	assert_int_equal(try_lock(f), DOTLOCK_HELD);
	assert_true(mbox_fixture_has(f, LOCK));
	assert_int_equal(mbox_fixture_hidden(f, "spool"), 0);
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
}

/* Somebody who took our lock over must not lose it. */
static void
release_spares_others(void **state)
{
	struct mbox_fixture *f = *state;

	assert_int_equal(try_lock(f), DOTLOCK_TAKEN);
	assert_int_equal(unlink(mbox_fixture_file(f, LOCK)), 0);
	put_lock(f, "1:elsewhere\n");
	release(f);
	assert_true(mbox_fixture_has(f, LOCK));
	assert_int_equal(mbox_fixture_hidden(f, "spool"), 0);
}

static void
directory_not_writable(void **state)
{
	struct mbox_fixture *f = *state;

	assert_int_equal(chmod(f->directory, 0555), 0);
	if (geteuid() == 0)
		assert_int_equal(seteuid(65534), 0);
	assert_int_equal(try_lock(f), DOTLOCK_UNUSABLE);
	if (getuid() == 0)
		assert_int_equal(seteuid(0), 0);
	assert_int_equal(chmod(f->directory, 0755), 0);
	assert_int_equal(f->logged, 0);
}

static void
name_too_long(void **state)
{
	struct mbox_fixture *f = *state;
	char name[300];

	memset(name, 'x', 250);
	name[250] = '\0';
	assert_int_equal(dotlock_try(AT_FDCWD, name, &f->options), DOTLOCK_ERROR);
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
		TEST(breaks_its_own),
		TEST(symlink_is_not_followed),
		TEST(release_spares_others),
		TEST(directory_not_writable),
		TEST(name_too_long),
	};

	return cmocka_run_group_tests_name("dotlock", tests, NULL, NULL);
}
