#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "mailstore/mailstore.h"
#include "tests/unit/tests.h"

#define ALL (MAIL_ACCESS_LIST | MAIL_ACCESS_READ | MAIL_ACCESS_WRITE | MAIL_ACCESS_MAKE)
#define ABOVE (MAIL_ACCESS_LIST | MAIL_ACCESS_READ | MAIL_ACCESS_WRITE)

/* What was named: "PATH RIGHTS\n" of each. */
static char named[3 * PATH_MAX];

static void
note(void *cookie, const char *path, unsigned access)
{
	size_t n = strlen(named);

	assert_ptr_equal(cookie, named);
	(void)snprintf(named + n, sizeof named - n, "%s %u\n", path, access);
}

static bool
ask(const struct mailstore_ops *ops, const char *path, const char *home)
{
	const struct mail_options options = {.home = home};

	named[0] = '\0';
	return ops->needs(path, &options, note, named);
}

static bool
has(const char *path, unsigned access)
{
	char line[PATH_MAX + 16];
	const char *at;

	(void)snprintf(line, sizeof line, "%s %u\n", path, access);
	at = strstr(named, line);
	return at != NULL && (at == named || at[-1] == '\n');
}

static unsigned
count(void)
{
	unsigned n = 0;

	for (const char *p = named; *p != '\0'; p++)
		n += *p == '\n';
	return n;
}

static void
test_of_a_maildir(void **state)
{
	(void)state;
	assert_true(ask(&mailstore_maildir, "/nonexistent/Maildir", "/home/ann"));
	assert_true(has("/nonexistent/Maildir", ALL | MAIL_ACCESS_MOVE));
	assert_int_equal(count(), 1);
}

static void
test_folder(void **state)
{
	char directory[] = "/tmp/pop3d-needs-XXXXXX", path[64], above[96], mark[96];
	int fd;

	(void)state;
	assert_non_null(mkdtemp(directory));
	(void)snprintf(path, sizeof path, "%s/.folder", directory);
	(void)snprintf(above, sizeof above, "%s/..", path);
	(void)snprintf(mark, sizeof mark, "%s/maildirfolder", path);
	assert_int_equal(mkdir(path, 0700), 0);
	fd = open(mark, O_WRONLY | O_CREAT, 0600);
	assert_true(fd >= 0);
	assert_int_equal(close(fd), 0);
	assert_true(ask(&mailstore_maildir, path, ""));
	assert_true(has(path, ALL | MAIL_ACCESS_MOVE));
	assert_true(has(above, ABOVE));
	assert_int_equal(count(), 2);
	assert_int_equal(unlink(mark), 0);
	assert_int_equal(rmdir(path), 0);
	assert_int_equal(rmdir(directory), 0);
}

static void
test_of_an_mbox(void **state)
{
	(void)state;
	assert_true(ask(&mailstore_mbox, "/var/mail/ann", "/home/ann"));
	assert_true(has("/var/mail", ALL));
	assert_true(has("/home/ann", ALL));
	assert_int_equal(count(), 2);
	assert_true(ask(&mailstore_mbox, "/var/mail/ann", ""));
	assert_int_equal(count(), 1);
	assert_true(ask(&mailstore_mbox, "/ann", ""));
	assert_true(has("/", ALL));
}

static void
test_too_long(void **state)
{
	char path[2 * PATH_MAX];

	(void)state;
	memset(path, 'a', sizeof path - 1);
	path[0] = '/';
	path[sizeof path - 2] = '/';
	path[sizeof path - 1] = '\0';
	assert_false(ask(&mailstore_maildir, path, ""));
	assert_false(ask(&mailstore_mbox, path, ""));
}

int
test_needs(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_of_a_maildir),
		cmocka_unit_test(test_folder),
		cmocka_unit_test(test_of_an_mbox),
		cmocka_unit_test(test_too_long),
	};

	return cmocka_run_group_tests_name("needs", tests, NULL, NULL);
}
