#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
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

int
test_account(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(entries_are_those_of_libc),
		cmocka_unit_test(numbers_are_taken_as_they_are),
		cmocka_unit_test(others_are_nobody),
	};

	return cmocka_run_group_tests_name("account", tests, NULL, NULL);
}
