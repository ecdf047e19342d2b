#include "tests/unit/auth_fixture.h"

#include <cdb.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "auth/usercdb.h"
#include "auth/useredit.h"
#include "tests/unit/tests.h"

#define USERS 20000

static char why[200];
static unsigned char buffer[USERFILE_LINE_MAX];
static struct auth_span line;
static int users, cdb;

static void
users_open(void)
{
	users = open(fixture_path("users"), O_RDONLY | O_CLOEXEC);
	assert_true(users >= 0);
}

static bool
compile(void)
{
	int directory = open(fixture_directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	bool good;

	users_open();
	good = usercdb_compile(directory, "users", users, why, sizeof(why));
	assert_int_equal(close(directory), 0);
	cdb = open(fixture_path("users.cdb"), O_RDONLY | O_CLOEXEC);
	return good;
}

static void
done(void)
{
	assert_int_equal(close(users), 0);
	if (cdb >= 0)
		assert_int_equal(close(cdb), 0);
}

static void
line_is(const char *user, const char *text)
{
	assert_int_equal(usercdb_find(cdb, user, buffer, &line), USERFILE_LINE);
	assert_int_equal(line.n, strlen(text));
	assert_memory_equal(line.p, text, line.n);
}

static void
entries_are_found(void **state)
{
	static const char text[] = "# jim:no\n\njo:1:x:\r\njoe:2\njo:3\n:jane:\nlast";
	struct stat st;

	(void)state;
	fixture_write("users", text, strlen(text), 0640);
	assert_true(compile());
	assert_true(usercdb_is_current(cdb, users));
	line_is("jo", "jo:1:x:");
	line_is("joe", "joe:2");
	line_is("last", "last");
	assert_int_equal(usercdb_find(cdb, "j", buffer, &line), USERFILE_END);
	assert_int_equal(usercdb_find(cdb, "jim", buffer, &line), USERFILE_END);
	assert_int_equal(usercdb_find(cdb, "# jim", buffer, &line), USERFILE_END);
	assert_int_equal(usercdb_find(cdb, ":file", buffer, &line), USERFILE_END);
	assert_int_equal(usercdb_find(cdb, "", buffer, &line), USERFILE_END);
	assert_int_equal(stat(fixture_path("users.cdb"), &st), 0);
	assert_int_equal(st.st_mode & 07777, 0640);
	assert_int_equal(access(fixture_path("users.cdb.tmp"), F_OK), -1);
	done();
}

/* More entries than any chain of the hash table is long, so that tables wrap around. */
static void
many_entries_are_found(void **state)
{
	FILE *file = fopen(fixture_path("users"), "we");
	char name[32], text[64];

	(void)state;
	assert_non_null(file);
	for (int i = 0; i < USERS; i++)
		assert_true(fprintf(file, "user%d:%d:\n", i, i) > 0);
	assert_int_equal(fclose(file), 0);
	assert_true(compile());
	for (int i = 0; i < USERS; i++) {
		(void)snprintf(name, sizeof(name), "user%d", i);
		(void)snprintf(text, sizeof(text), "user%d:%d:", i, i);
		line_is(name, text);
		(void)snprintf(name, sizeof(name), "nobody%d", i);
		assert_int_equal(usercdb_find(cdb, name, buffer, &line), USERFILE_END);
	}
	done();
}

/* Whatever changes the file, its database is one of another file. */
static void
changes_are_seen(void **state)
{
	int other;

	(void)state;
	fixture_write("users", "jo:1\n", 5, 0600);
	assert_true(compile());
	fixture_write("copy", "jo:1\n", 5, 0600);
	other = open(fixture_path("copy"), O_RDONLY | O_CLOEXEC);
	assert_false(usercdb_is_current(cdb, other));
	assert_int_equal(close(other), 0);
	/* The clock of a file's times ticks slowly. */
	assert_int_equal(usleep(20000), 0);
	fixture_write("users", "jo:2\n", 5, 0600);
	assert_false(usercdb_is_current(cdb, users));
	done();
	assert_true(compile());
	assert_true(usercdb_is_current(cdb, users));
	fixture_write("users", "jo:2\nx", 6, 0600);
	assert_false(usercdb_is_current(cdb, users));
	done();
}

static void
edits_renew_it(void **state)
{
	struct useredit edit;

	(void)state;
	fixture_write("users", "jo:1\n", 5, 0600);
	assert_true(useredit_begin(&edit, fixture_path("users"), false));
	assert_true(useredit_commit(&edit));
	assert_int_equal(access(fixture_path("users.cdb"), F_OK), -1);
	assert_true(compile());
	done();
	assert_true(useredit_begin(&edit, fixture_path("users"), false));
	assert_true(useredit_splice(&edit, 3, 4, "new", 3));
	assert_true(useredit_commit(&edit));
	assert_string_equal(edit.error, "");
	users_open();
	cdb = open(fixture_path("users.cdb"), O_RDONLY | O_CLOEXEC);
	assert_true(usercdb_is_current(cdb, users));
	line_is("jo", "jo:new");
	done();
}

static void
too_long_lines_are_refused(void **state)
{
	char text[USERFILE_LINE_MAX + 2];

	(void)state;
	memset(text, 'x', sizeof(text));
	memcpy(text, "a:\n", 3);
	fixture_write("users", text, sizeof(text), 0600);
	assert_true(compile());
	done();
	assert_int_equal(unlink(fixture_path("users.cdb")), 0);
	text[USERFILE_LINE_MAX + 1] = 'x';
	memcpy(text, "axx", 3);
	fixture_write("users", text, sizeof(text), 0600);
	assert_false(compile());
	assert_string_equal(why, "line 1 is too long");
	assert_int_equal(cdb, -1);
	assert_int_equal(access(fixture_path("users.cdb.tmp"), F_OK), -1);
	done();
}

/* No octet that is missing or other than it was may yield anybody else's line. */
static void
hostile_databases_yield_nothing_false(void **state)
{
	size_t n;
	char *whole;

	(void)state;
	fixture_write("users", "jo:1:x\njoe:2\n", 13, 0600);
	assert_true(compile());
	done();
	whole = fixture_read("users.cdb", &n);
	users_open();
	for (size_t i = 0; i < n; i++) {
		for (unsigned k = 0; k < 3; k++) {
			static const unsigned char others[] = {0x00, 0xff, 0x40};
			char kept = whole[i];

			whole[i] = (char)(others[k] ^ (k == 2 ? (unsigned)kept : 0));
			fixture_write("users.cdb", whole, k == 0 ? i : n, 0600);
			whole[i] = kept;
			cdb = open(fixture_path("users.cdb"), O_RDONLY | O_CLOEXEC);
			if (usercdb_find(cdb, "jo", buffer, &line) == USERFILE_LINE)
				assert_memory_equal(line.p, "jo", 2);
			if (usercdb_find(cdb, "jo", buffer, &line) == USERFILE_LINE)
				assert_int_equal(userfile_name(line).n, 2);
			(void)usercdb_find(cdb, "nobody", buffer, &line);
			(void)usercdb_is_current(cdb, users);
			assert_int_equal(close(cdb), 0);
		}
	}
	assert_int_equal(close(users), 0);
	free(whole);
}

static void
another_name_is_refused(void **state)
{
	struct cdb_make make;

	(void)state;
	cdb = open(fixture_path("users.cdb"), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	assert_int_equal(cdb_make_start(&make, cdb), 0);
	assert_int_equal(cdb_make_add(&make, "jo", 2, "root:1", 6), 0);
	assert_int_equal(cdb_make_add(&make, "joe", 3, "", 0), 0);
	assert_int_equal(cdb_make_add(&make, "#x", 2, "#x:1", 4), 0);
	assert_int_equal(cdb_make_finish(&make), 0);
	errno = 0;
	assert_int_equal(usercdb_find(cdb, "jo", buffer, &line), USERFILE_ERROR);
	assert_int_not_equal(errno, 0);
	assert_int_equal(usercdb_find(cdb, "joe", buffer, &line), USERFILE_ERROR);
	assert_int_equal(usercdb_find(cdb, "#x", buffer, &line), USERFILE_ERROR);
	assert_int_equal(close(cdb), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int
test_usercdb(void)
{
	const struct CMUnitTest tests[] = {
		TEST(entries_are_found),
		TEST(many_entries_are_found),
		TEST(changes_are_seen),
		TEST(edits_renew_it),
		TEST(too_long_lines_are_refused),
		TEST(hostile_databases_yield_nothing_false),
		TEST(another_name_is_refused),
	};

	return cmocka_run_group_tests_name("usercdb", tests, NULL, NULL);
}
