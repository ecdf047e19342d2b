#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "mailstore/import.h"
#include "tests/unit/import_fixture.h"
#include "tests/unit/tests.h"

#define LIST "courierpop3dsizelist"

struct fixture {
	char path[64];
	int fd;
	struct import_log log;
};

static int
set_up(void **state)
{
	static const char path[] = "/tmp/pop3d-import-XXXXXX";
	struct fixture *f = calloc(1, sizeof(*f));

	assert_non_null(f);
	memcpy(f->path, path, sizeof(path));
	assert_non_null(mkdtemp(f->path));
	f->fd = open(f->path, O_RDONLY | O_DIRECTORY);
	assert_true(f->fd >= 0);
	*state = f;
	return 0;
}

static int
tear_down(void **state)
{
	struct fixture *f = *state;

	(void)unlinkat(f->fd, LIST, 0);
	(void)unlinkat(f->fd, LIST, AT_REMOVEDIR);
	(void)unlinkat(f->fd, "dovecot-uidlist", 0);
	(void)unlinkat(f->fd, "other", 0);
	assert_int_equal(close(f->fd), 0);
	assert_int_equal(rmdir(f->path), 0);
	free(f);
	return 0;
}

static void
put(const struct fixture *f, const char *name, const char *text)
{
	const int fd = openat(f->fd, name, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	assert_int_equal(close(fd), 0);
}

static enum import_result
read_list(struct fixture *f, enum import_source source)
{
	return import_maildir(f->fd, source, "%u-%v", import_log_found, &f->log);
}

static void
test_files(void **state)
{
	struct fixture *f = *state;

	put(f, LIST, "/3 6 9\n1.a 1 1:9:0\n");
	put(f, "dovecot-uidlist", "3 V7 N9\n2 :1.a\n");
	assert_int_equal(read_list(f, IMPORT_COURIER), IMPORT_OK);
	assert_int_equal(read_list(f, IMPORT_DOVECOT), IMPORT_OK);
	assert_string_equal(f->log.text, "1.a UID1-9\n1.a 2-7\n");
}

static void
test_none(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(read_list(f, IMPORT_COURIER), IMPORT_NONE);
	assert_int_equal(read_list(f, IMPORT_DOVECOT), IMPORT_NONE);
	put(f, LIST, "");
	assert_int_equal(read_list(f, IMPORT_COURIER), IMPORT_NONE);
}

static void
test_link(void **state)
{
	struct fixture *f = *state;

	put(f, "other", "/3 6 9\n1.a 1 1:9:0\n");
	assert_int_equal(symlinkat("other", f->fd, LIST), 0);
	assert_int_equal(read_list(f, IMPORT_COURIER), IMPORT_BROKEN);
	assert_string_equal(f->log.text, "");
}

/* A FIFO must not make it wait. */
static void
test_no_file(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(mkfifoat(f->fd, LIST, 0600), 0);
	assert_int_equal(read_list(f, IMPORT_COURIER), IMPORT_BROKEN);
	assert_int_equal(unlinkat(f->fd, LIST, 0), 0);
	assert_int_equal(mkdirat(f->fd, LIST, 0700), 0);
	assert_int_equal(read_list(f, IMPORT_COURIER), IMPORT_BROKEN);
}

/* Nothing of it may be read, or it would take as much memory. */
static void
test_too_large(void **state)
{
	struct fixture *f = *state;
	const off_t size = ((off_t)256 << 20) + 1;
	int fd;

	put(f, LIST, "/3 6 9\n1.a 1 1:9:0\n");
	fd = openat(f->fd, LIST, O_WRONLY);
	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, size), 0);
	assert_int_equal(close(fd), 0);
	assert_int_equal(read_list(f, IMPORT_COURIER), IMPORT_BROKEN);
}

static void
test_error(void **state)
{
	struct fixture *f = *state;
	struct import_log log = {0};

	errno = 0;
	assert_int_equal(import_maildir(-1, IMPORT_COURIER, NULL, import_log_found, &log),
		IMPORT_ERROR);
	assert_int_equal(errno, EBADF);
	assert_string_equal(f->log.text, "");
}

int
test_import_file(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_files, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_none, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_link, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_no_file, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_too_large, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_error, set_up, tear_down),
	};

	return cmocka_run_group_tests_name("import_file", tests, NULL, NULL);
}
