#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "pop3d/log.h"
#include "tests/unit/tests.h"

static void
log_login(void)
{
	struct log_line line;

	log_begin(&line, "login");
	log_text(&line, "user", "jo");
	log_end(&line, LOG_INFO);
}

/*
 * What a log writes to one file, as lines of `text`.  A child does it: what log_open()
 * sets stays for good.
 */
static void
write_log(const char *target, uint64_t level, const char *journal, int fd)
{
	if (dup2(fd, STDERR_FILENO) < 0)
		_exit(1);
	if ((journal != NULL ? setenv("JOURNAL_STREAM", journal, 1)
			     : unsetenv("JOURNAL_STREAM")) != 0)
		_exit(1);
	if (log_open(target, level, true) != NULL)
		_exit(2);
	log_message(LOG_DEBUG, "debug");
	log_login();
	log_message(LOG_WARNING, "warning");
	log_message(LOG_ERR, "error");
	_exit(0);
}

/* n lines with this text in front, behind the tag of a process if pid is not 0. */
static void
expect_log(const char *text, long pid, const char *start, unsigned n)
{
	char expected[96] = "";
	unsigned lines = 0;
	size_t tag = 0;

	if (pid != 0)
		tag = (size_t)snprintf(expected, sizeof(expected), "pop3d[%ld]: ", pid);
	(void)snprintf(expected + tag, sizeof(expected) - tag, "%s", start);
	for (const char *p = text; *p != '\0'; lines++) {
		if (strncmp(p, expected, strlen(expected)) != 0)
			fail_msg("not %s: %s", expected, p);
		p = strchr(p, '\n');
		assert_non_null(p);
		p++;
	}
	assert_int_equal(lines, n);
}

/* Read what a child has logged; *pid is the child's. */
static void
run_log(const char *target, uint64_t level, const char *journal, int fd, char *text,
	size_t size, long *pid)
{
	int status;
	pid_t child;
	ssize_t n;

	assert_int_equal(ftruncate(fd, 0), 0);
	assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
	child = fork();
	if (child == 0)
		write_log(target, level, journal, fd);
	assert_true(child > 0);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	n = pread(fd, text, size - 1, 0);
	assert_true(n >= 0);
	text[n] = '\0';
	*pid = child;
}

static void
test_targets(void **state)
{
	char text[4096], path[64], target[80];
	int fd = memfd_create("log", MFD_CLOEXEC);
	long pid;

	(void)state;
	assert_true(fd >= 0);
	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	(void)snprintf(target, sizeof(target), "file:%s", path);
	run_log("stderr", LOG_DEBUG, NULL, fd, text, sizeof(text), &pid);
	expect_log(text, pid, "event=", 4);
	run_log("stderr", LOG_INFO, NULL, fd, text, sizeof(text), &pid);
	expect_log(text, pid, "event=", 3);
	run_log("stderr", LOG_ERR, NULL, fd, text, sizeof(text), &pid);
	expect_log(text, pid, "event=error message=error\n", 1);
	run_log("stderr", LOG_ERR, "8:12345", fd, text, sizeof(text), &pid);
	expect_log(text, 0, "<3>event=error message=error\n", 1);
	run_log("stderr", LOG_WARNING, "8:12345", fd, text, sizeof(text), &pid);
	assert_string_equal(text, "<4>event=warning message=warning\n"
				  "<3>event=error message=error\n");
	run_log(target, LOG_INFO, NULL, fd, text, sizeof(text), &pid);
	expect_log(text, 0, "2", 3);
	(void)snprintf(path, sizeof(path), "Z pop3d[%ld]: event=login user=jo\n", pid);
	assert_non_null(strstr(text, path));
	assert_int_equal(text[10], 'T');
	assert_int_equal(close(fd), 0);
}

/* A file that cannot be opened: the log is told elsewhere. */
static void
test_no_file(void **state)
{
	char text[4096];
	int fd = memfd_create("log", MFD_CLOEXEC), status;
	ssize_t n;
	pid_t pid;

	(void)state;
	assert_true(fd >= 0);
	pid = fork();
	if (pid == 0) {
		if (dup2(fd, STDERR_FILENO) < 0 || unsetenv("JOURNAL_STREAM") != 0)
			_exit(1);
		if (log_open("file:/nonexistent/log", LOG_INFO, true) == NULL)
			_exit(2);
		log_login();
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	n = pread(fd, text, sizeof(text) - 1, 0);
	assert_true(n >= 0);
	text[n] = '\0';
	expect_log(text, pid, "event=login user=jo\n", 1);
	assert_int_equal(close(fd), 0);
}

/* fd 2 belongs to the client: nothing may ever be written there. */
static void
test_client_stderr(void **state)
{
	static const char *const targets[] = {
		"stderr", "syslog", "file:/nonexistent/log"};
	int fd = memfd_create("log", MFD_CLOEXEC), status;

	(void)state;
	assert_true(fd >= 0);
	for (size_t i = 0; i < sizeof(targets) / sizeof(targets[0]); i++) {
		pid_t pid = fork();

		if (pid == 0) {
			if (dup2(fd, STDERR_FILENO) < 0)
				_exit(1);
			(void)log_open(targets[i], LOG_DEBUG, false);
			log_login();
			_exit(0);
		}
		assert_int_equal(waitpid(pid, &status, 0), pid);
		assert_int_equal(status, 0);
		assert_int_equal(lseek(fd, 0, SEEK_END), 0);
	}
	assert_int_equal(close(fd), 0);
}

int
test_log_target(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_targets),
		cmocka_unit_test(test_no_file),
		cmocka_unit_test(test_client_stderr),
	};

	return cmocka_run_group_tests_name("log_target", tests, NULL, NULL);
}
