#include "tests/unit/lock_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

static char directory[64];
int lock_dirfd = -1;
unsigned lock_logged;
char lock_last_log[256];

__attribute__((format(printf, 3, 4))) static void
count_line(void *cookie, int priority, const char *format, ...)
{
	va_list args;

	(void)cookie;
	(void)priority;
	va_start(args, format);
	vsnprintf(lock_last_log, sizeof lock_last_log, format, args);
	va_end(args);
	lock_logged++;
}

struct mail_options lock_options = {.home = "", .log = count_line};

int
lock_fixture_set_up(void **state)
{
	(void)state;
	snprintf(directory, sizeof directory, "/tmp/pop3d-test.XXXXXX");
	if (mkdtemp(directory) == NULL)
		return -1;
	lock_dirfd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	lock_options.lock_wait = 0;
	lock_options.lock_lease = 30;
	lock_logged = 0;
	return lock_dirfd < 0;
}

int
lock_fixture_tear_down(void **state)
{
	(void)state;
	unlinkat(lock_dirfd, LOCK_NAME, 0);
	unlinkat(lock_dirfd, LOCK_NAME, AT_REMOVEDIR);
	unlinkat(lock_dirfd, "other", 0);
	close(lock_dirfd);
	return rmdir(directory);
}

enum mail_status
lock_take(struct session_lock *lock)
{
	return session_lock_take(lock, lock_dirfd, LOCK_NAME, &lock_options);
}

void
lock_put(const void *text, size_t n)
{
	const int fd = openat(
		lock_dirfd, LOCK_NAME, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, n), (ssize_t)n);
	close(fd);
}

void
lock_put_holder(const struct lock_holder *holder)
{
	char text[LOCK_TEXT];

	lock_text_make(text, holder);
	lock_put(text, sizeof text);
}

struct lock_holder
lock_holder_elsewhere(void)
{
	struct lock_holder holder;

	assert_true(lock_holder_self(&holder, 30));
	snprintf(holder.host, sizeof holder.host, "elsewhere");
	holder.machine[0] = holder.machine[0] == 'e' ? 'f' : 'e';
	holder.boot[0] = holder.boot[0] == 'e' ? 'f' : 'e';
	return holder;
}

struct lock_holder
lock_get(void)
{
	const int fd = openat(lock_dirfd, LOCK_NAME, O_RDONLY | O_CLOEXEC);
	char text[LOCK_TEXT + 1];
	struct lock_holder holder;
	ssize_t n;

	assert_true(fd >= 0);
	n = read(fd, text, sizeof text);
	assert_true(n >= 0);
	close(fd);
	lock_text_parse(&holder, text, (size_t)n);
	return holder;
}

void
lock_age(long seconds)
{
	struct timespec times[2] = {{.tv_nsec = UTIME_OMIT}};

	assert_int_equal(clock_gettime(CLOCK_REALTIME, &times[1]), 0);
	times[1].tv_sec -= seconds;
	assert_int_equal(utimensat(lock_dirfd, LOCK_NAME, times, 0), 0);
}
