#include "tests/unit/auth_fixture.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "auth/useredit.h"
#include "pop3d/ctl/prompt.h"
#include "tests/unit/tests.h"

#define PROGRAM "pop3d/ctl/pop3ctl"
#define HASH                                                                             \
	"{ARGON2ID}$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/"               \
	"uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4"
#define ARGUMENTS 16

static char output[8192]; /* standard output and error of the last run */

/* Start pop3ctl on the words of a command, with `input` on its standard input. */
static pid_t
start(const char *command, const char *input, size_t n, int out)
{
	char words[1024], *argv[ARGUMENTS + 2] = {NULL}, *save = NULL;
	int in[2], argc = 1;
	pid_t pid;

	(void)snprintf(words, sizeof(words), "%s", command);
	argv[0] = words;
	for (char *p = strtok_r(words, " ", &save); p != NULL && argc <= ARGUMENTS;
		p = strtok_r(NULL, " ", &save))
		argv[argc++] = strcmp(p, "USERS") == 0
				       ? (char *)(uintptr_t)fixture_path("users")
				       : p;
	assert_int_equal(pipe2(in, O_CLOEXEC), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		if (dup2(in[0], 0) == 0 && dup2(out, 1) == 1 && dup2(out, 2) == 2)
			execv(PROGRAM, argv);
		_exit(127);
	}
	/* One that ends without reading must not end the test: SIGPIPE. */
	assert_int_equal(write(in[1], input, n), n);
	assert_int_equal(close(in[0]), 0);
	assert_int_equal(close(in[1]), 0);
	return pid;
}

static int
finish(pid_t pid)
{
	int status;

	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static int
run_octets(const char *command, const char *input, size_t n)
{
	int fd = open(
		fixture_path("output"), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	int status;
	ssize_t got;

	assert_true(fd >= 0);
	status = finish(start(command, input, n, fd));
	got = pread(fd, output, sizeof(output) - 1, 0);
	assert_true(got >= 0);
	output[got] = '\0';
	assert_int_equal(close(fd), 0);
	/* Never a hash, whatever was asked. */
	assert_null(strstr(output, "$argon2id$"));
	return status;
}

static int
run(const char *command, const char *input)
{
	return run_octets(command, input, strlen(input));
}

static void
assert_file(const char *text)
{
	size_t n;
	char *got = fixture_read("users", &n);

	assert_string_equal(got, text);
	free(got);
}

static void
users_come_and_go(void **state)
{
	(void)state;
	assert_int_equal(run("passwd add -f USERS -u 1000 -g 100 -d /home/jo "
			     "-m maildir:~/Maildir jo",
				 "secret\n"),
		0);
	assert_int_equal(run("passwd add -f USERS joe", "other"), 0);
	assert_int_equal(run("passwd list -f USERS", ""), 0);
	assert_string_equal(output,
		"jo\tARGON2ID\t1000\t100\t/home/jo\tmaildir:~/Maildir\t-\n"
		"joe\tARGON2ID\t-\t-\t-\t-\t-\n");
	assert_int_equal(run("passwd add -f USERS jo", "x\n"), 1);
	assert_int_equal(run("passwd verify -f USERS jo", "secret\n"), 0);
	assert_int_equal(run("passwd verify -f USERS jo", "secret "), 1);
	assert_int_equal(run("passwd verify -f USERS joe", "other"), 0);
	assert_int_equal(run("passwd verify -f USERS j", "secret\n"), 1);
	assert_int_equal(run("passwd change -f USERS jo", "new\n"), 0);
	assert_int_equal(run("passwd verify -f USERS jo", "secret\n"), 1);
	assert_int_equal(run("passwd verify -f USERS jo", "new\n"), 0);
	assert_int_equal(run("passwd change -f USERS j", "new\n"), 1);
	assert_int_equal(run("passwd delete -f USERS jo", ""), 0);
	assert_int_equal(run("passwd delete -f USERS jo", ""), 1);
	assert_int_equal(run("passwd list -f USERS", ""), 0);
	assert_string_equal(output, "joe\tARGON2ID\t-\t-\t-\t-\t-\n");
	assert_int_equal(run("passwd list -f USERS jo", ""), 1);
}

static void
other_lines_stay_as_they_are(void **state)
{
	static const char before[] =
		"# a comment \t\x01\xff\r\n\n:odd\njo:{PLAIN}x:1:2:g:/h:/s:"
		"a=b unknown\r\njoe:" HASH "\nbad:x:y\njo:second\nlast:" HASH;
	char text[2048], *got;
	size_t n;

	(void)state;
	fixture_write("users", before, sizeof(before) - 1, 0640);
	assert_int_equal(run("passwd change -f USERS jo", "new\n"), 0);
	got = fixture_read("users", &n);
	(void)snprintf(text, sizeof(text),
		"# a comment \t\x01\xff\r\n\n:odd\njo:%.*s:1:2:g:/h:/s:"
		"a=b unknown\r\njoe:" HASH "\nbad:x:y\njo:second\nlast:" HASH,
		(int)strcspn(strstr(got, "\njo:") + 4, ":"), strstr(got, "\njo:") + 4);
	assert_string_equal(got, text);
	free(got);
	assert_int_equal(run("passwd verify -f USERS jo", "new"), 0);
	/* Both entries go, or the second one would come to life. */
	assert_int_equal(run("passwd delete -f USERS jo", ""), 0);
	assert_file(
		"# a comment \t\x01\xff\r\n\n:odd\njoe:" HASH "\nbad:x:y\nlast:" HASH);
	/* A last line without its end is not run into. */
	assert_int_equal(run("passwd add -f USERS new", "x"), 0);
	assert_int_equal(run("passwd verify -f USERS last", "password"), 0);
	assert_int_equal(run("passwd verify -f USERS new", "x"), 0);
	assert_int_equal(run("passwd list -f USERS", ""), 78);
	assert_non_null(strstr(output, "users:5: uid is not a number"));
}

static void
entry_without_fields_can_be_changed(void **state)
{
	(void)state;
	fixture_write("users", "jo\r\njoe\n", 8, 0600);
	assert_int_equal(run("passwd change -f USERS jo", "new\n"), 0);
	assert_int_equal(run("passwd change -f USERS joe", "newer\n"), 0);
	assert_int_equal(run("passwd verify -f USERS jo", "new"), 0);
	assert_int_equal(run("passwd verify -f USERS joe", "newer"), 0);
}

static void
owner_and_mode_are_kept(void **state)
{
	struct stat st;

	(void)state;
	assert_int_equal(run("passwd add -f USERS a", "x"), 0);
	assert_int_equal(stat(fixture_path("users"), &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_int_equal(stat(fixture_path("users.lock"), &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_int_equal(chmod(fixture_path("users"), 04664), 0);
	if (geteuid() == 0)
		assert_int_equal(chown(fixture_path("users"), 0, 4711), 0);
	assert_int_equal(chmod(fixture_path("users"), 04664), 0);
	assert_int_equal(run("passwd add -f USERS b", "x"), 0);
	assert_int_equal(stat(fixture_path("users"), &st), 0);
	assert_int_equal(st.st_mode & 07777, 0660);
	if (geteuid() == 0)
		assert_int_equal(st.st_gid, 4711);
	assert_int_equal(access(fixture_path("users.tmp"), F_OK), -1);
}

static void
links_are_followed_not_replaced(void **state)
{
	struct stat st;

	(void)state;
	fixture_write("real", "", 0, 0600);
	assert_int_equal(symlink("real", fixture_path("users")), 0);
	assert_int_equal(run("passwd add -f USERS jo", "x"), 0);
	assert_int_equal(lstat(fixture_path("users"), &st), 0);
	assert_true(S_ISLNK(st.st_mode));
	assert_int_equal(run("passwd verify -f USERS jo", "x"), 0);
	/* A lock or a temporary file that is a link was put there by somebody else. */
	assert_int_equal(unlink(fixture_path("real.lock")), 0);
	assert_int_equal(symlink("victim", fixture_path("real.lock")), 0);
	assert_int_equal(run("passwd delete -f USERS jo", ""), 75);
	assert_int_equal(access(fixture_path("victim"), F_OK), -1);
	assert_int_equal(unlink(fixture_path("real.lock")), 0);
	fixture_write("victim", "v", 1, 0600);
	assert_int_equal(symlink("victim", fixture_path("real.tmp")), 0);
	assert_int_equal(run("passwd delete -f USERS jo", ""), 0);
	assert_int_equal(stat(fixture_path("victim"), &st), 0);
	assert_int_equal(st.st_size, 1);
}

static void
bad_names_and_fields_are_refused(void **state)
{
	static const char *const commands[] = {"passwd add -f USERS a:b",
		"passwd add -f USERS #jo", "passwd add -f USERS j\x01o",
		"passwd add -f USERS -u 1x jo", "passwd add -f USERS -u -1 jo",
		"passwd add -f USERS -u 1:2 jo", "passwd add -f USERS -g 4294967295 jo",
		"passwd add -f USERS -d home jo", "passwd add -f USERS -d /a:b jo",
		"passwd add -f USERS -m maildir jo", "passwd add -f USERS",
		"passwd add -x jo", "passwd add -f USERS jo joe",
		"passwd verify -u 1 -f USERS jo", "passwd", "", "passwd frob",
		"frob list"};

	(void)state;
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
		if (run(commands[i], "x\n") != 64 || output[0] == '\0')
			fail_msg("\"%s\" is taken: %s", commands[i], output);
	assert_int_equal(access(fixture_path("users"), F_OK), -1);
}

static void
bad_passwords_are_refused(void **state)
{
	static char text[AUTH_PASSWORD_MAX + 2];

	(void)state;
	assert_int_equal(run("passwd add -f USERS jo", ""), 64);
	assert_int_equal(run("passwd add -f USERS jo", "\n"), 64);
	assert_int_equal(run_octets("passwd add -f USERS jo", "a\0b\n", 4), 64);
	assert_int_equal(run("passwd add -f USERS jo", "ab\r\n"), 64);
	memset(text, 'x', sizeof(text) - 1);
	assert_int_equal(run("passwd add -f USERS jo", text), 64);
	assert_non_null(strstr(output, "too long"));
	text[AUTH_PASSWORD_MAX] = '\0';
	assert_int_equal(run("passwd add -f USERS jo", text), 0);
	assert_int_equal(run("passwd verify -f USERS jo", text), 0);
	text[AUTH_PASSWORD_MAX - 1] = '\0';
	assert_int_equal(run("passwd verify -f USERS jo", text), 1);
}

static void
unusable_files_are_told(void **state)
{
	(void)state;
	assert_int_equal(run("passwd delete -f USERS jo", ""), 75);
	assert_int_equal(run("passwd list -f USERS", ""), 78);
	assert_int_equal(run("passwd verify -f USERS jo", "x"), 78);
	assert_int_equal(run("passwd add -f /nonexistent/users jo", "x"), 75);
	assert_int_equal(run("-c /nonexistent passwd list", ""), 78);
	assert_int_equal(mkdir(fixture_path("users"), 0700), 0);
	assert_int_equal(run("passwd add -f USERS jo", "x"), 75);
	assert_non_null(strstr(output, "not a regular file"));
}

static void
configuration_names_the_file(void **state)
{
	char text[400], command[600];

	(void)state;
	(void)snprintf(
		text, sizeof(text), "[auth.passwd]\nfile = %s\n", fixture_path("users"));
	fixture_write("conf", text, strlen(text), 0600);
	(void)snprintf(
		command, sizeof(command), "-c %s passwd add jo", fixture_path("conf"));
	assert_int_equal(run(command, "x"), 0);
	assert_int_equal(run("passwd verify -f USERS jo", "x"), 0);
}

static void
concurrent_edits_all_land(void **state)
{
	char command[64];
	pid_t pids[8];
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	(void)state;
	assert_true(null >= 0);
	for (int i = 0; i < 8; i++) {
		(void)snprintf(command, sizeof(command), "passwd add -f USERS user%d", i);
		pids[i] = start(command, "x", 1, null);
	}
	for (int i = 0; i < 8; i++)
		assert_int_equal(finish(pids[i]), 0);
	for (int i = 0; i < 8; i++) {
		(void)snprintf(
			command, sizeof(command), "passwd list -f USERS user%d", i);
		assert_int_equal(run(command, ""), 0);
	}
	assert_int_equal(close(null), 0);
}

/* An edit that is dropped, or dies before its end, changes nothing. */
static void
dropped_edit_changes_nothing(void **state)
{
	struct useredit edit;

	(void)state;
	fixture_write("users", "a:1\nb:2\n", 8, 0600);
	assert_true(useredit_begin(&edit, fixture_path("users"), false));
	assert_true(useredit_splice(&edit, 0, 4, "x", 1));
	assert_file("a:1\nb:2\n");
	useredit_abort(&edit);
	assert_file("a:1\nb:2\n");
	assert_int_equal(access(fixture_path("users.tmp"), F_OK), -1);
	fixture_write("users.tmp", "left behind", 11, 0600);
	assert_true(useredit_begin(&edit, fixture_path("users"), false));
	assert_true(useredit_splice(&edit, 2, 3, "one", 3));
	assert_true(useredit_splice(&edit, 6, 7, "two", 3));
	assert_true(useredit_commit(&edit));
	assert_file("a:one\nb:two\n");
	assert_false(useredit_begin(&edit, fixture_path("missing"), false));
	assert_non_null(strstr(edit.error, "missing: No such file"));
}

static void
one_line_is_read_and_no_more(void **state)
{
	struct prompt_password password;
	char rest[8];
	int fds[2];

	(void)state;
	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	assert_int_equal(write(fds[1], "one\ntwo\n", 8), 8);
	assert_null(prompt_line(fds[0], &password));
	assert_int_equal(password.n, 3);
	assert_memory_equal(password.p, "one", 3);
	assert_int_equal(read(fds[0], rest, sizeof(rest)), 4);
	assert_memory_equal(rest, "two\n", 4);
	assert_int_equal(close(fds[1]), 0);
	assert_string_equal(prompt_line(fds[0], &password), "password is empty");
	assert_int_equal(close(fds[0]), 0);
	assert_string_equal(prompt_line(fds[0], &password), "password cannot be read");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int
test_ctl(void)
{
	const struct CMUnitTest tests[] = {
		TEST(users_come_and_go),
		TEST(other_lines_stay_as_they_are),
		TEST(entry_without_fields_can_be_changed),
		TEST(owner_and_mode_are_kept),
		TEST(links_are_followed_not_replaced),
		TEST(bad_names_and_fields_are_refused),
		TEST(bad_passwords_are_refused),
		TEST(unusable_files_are_told),
		TEST(configuration_names_the_file),
		TEST(concurrent_edits_all_land),
		TEST(dropped_edit_changes_nothing),
		TEST(one_line_is_read_and_no_more),
	};

	return cmocka_run_group_tests_name("ctl", tests, NULL, NULL);
}
