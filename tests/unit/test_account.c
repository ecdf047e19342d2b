#include "tests/unit/auth_fixture.h"

#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>

#include "pop3d/account.h"
#include "tests/unit/tests.h"

/* Whatever stands in the files is what libc makes of them. */
static void
entries_are_those_of_libc(void **state)
{
	FILE *users = fopen("/etc/passwd", "re"), *groups = fopen("/etc/group", "re");
	const struct passwd *user;
	const struct group *group;
	unsigned seen = 0;
	uid_t uid;
	gid_t gid;

	(void)state;
	assert_non_null(users);
	assert_non_null(groups);
	while ((user = fgetpwent(users)) != NULL) {
		uid = gid = 4711;
		assert_true(account_user(user->pw_name, &uid, &gid));
		assert_int_equal(uid, user->pw_uid);
		assert_int_equal(gid, user->pw_gid);
		seen++;
	}
	while ((group = fgetgrent(groups)) != NULL) {
		gid = 4711;
		assert_true(account_group(group->gr_name, &gid));
		assert_int_equal(gid, group->gr_gid);
		seen++;
	}
	assert_true(seen > 10);
	assert_int_equal(fclose(users), 0);
	assert_int_equal(fclose(groups), 0);
}

static void
numbers_are_taken_as_they_are(void **state)
{
	const struct passwd *mail = getpwnam("mail");
	char number[24];
	uid_t uid;
	gid_t gid;

	(void)state;
	assert_non_null(mail);
	(void)snprintf(number, sizeof number, "%lu", (unsigned long)mail->pw_uid);
	assert_true(account_user(number, &uid, &gid));
	assert_int_equal(uid, mail->pw_uid);
	assert_int_equal(gid, mail->pw_gid);
	/* Nobody has it. */
	assert_true(account_user("3123456789", &uid, &gid));
	assert_int_equal(uid, 3123456789);
	assert_int_equal(gid, 3123456789);
	assert_true(account_group("3123456789", &gid));
	assert_int_equal(gid, 3123456789);
}

static void
others_are_nobody(void **state)
{
	static const char *const names[] = {"", "no such user", "roo", "root:", "root:x",
		":", "\n", "-1", "4294967295", "99999999999999999999", "+0", " 0"};
	uid_t uid;
	gid_t gid;

	(void)state;
	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
		assert_false(account_user(names[i], &uid, &gid));
		assert_false(account_group(names[i], &gid));
	}
}

static void
lines_that_are_no_entries_are_passed_over(void **state)
{
	static const char text[] =
		"\n:\n#old:x:5000:33:\n  # jo:x:5000:34\n+::::::\nshort\n"
		"ill:x:y:7::\nrich:x:4294967295:7::\nneg:x:-1:7\n"
		"jo:x:5000:100:Jo,,,:/home/jo:/bin/sh\njo:x:1:1\n"
		"bare:x:6000:200";
	const uint64_t used = 5000, unused = 33;
	uint64_t numbers[ACCOUNT_NUMBERS];

	(void)state;
	fixture_write("passwd", text, sizeof text - 1, 0600);
	assert_true(account_find(fixture_path("passwd"), "jo", NULL, 2, numbers));
	assert_int_equal(numbers[0], 5000);
	assert_int_equal(numbers[1], 100);
	assert_true(account_find(fixture_path("passwd"), NULL, &used, 2, numbers));
	assert_int_equal(numbers[1], 100);
	assert_true(account_find(fixture_path("passwd"), "bare", NULL, 2, numbers));
	assert_int_equal(numbers[1], 200);
	assert_false(account_find(fixture_path("passwd"), NULL, &unused, 2, numbers));
	for (const char *const *name = (const char *const[]){"", "#old", "+", "short",
		     "ill", "rich", "neg", "j", "jo:x", NULL};
		*name != NULL; name++)
		assert_false(
			account_find(fixture_path("passwd"), *name, NULL, 2, numbers));
	assert_false(account_find(fixture_path("absent"), "jo", NULL, 2, numbers));
}

int
test_account(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(entries_are_those_of_libc),
		cmocka_unit_test(numbers_are_taken_as_they_are),
		cmocka_unit_test(others_are_nobody),
		cmocka_unit_test_setup_teardown(lines_that_are_no_entries_are_passed_over,
			fixture_setup, fixture_teardown),
	};

	return cmocka_run_group_tests_name("account", tests, NULL, NULL);
}
