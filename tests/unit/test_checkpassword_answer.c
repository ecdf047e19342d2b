#include "auth/checkpassword_answer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/auth_fixture.h"
#include "tests/unit/tests.h"

static struct auth_identity identity;

static const char *
parse(const char *answer, size_t n)
{
	memset(&identity, 0, sizeof(identity));
	identity.login_delay = identity.expire = AUTH_UNSET;
	return checkpassword_answer_parse(answer, n, &identity);
}

/* In a block of just that size for sanitizers to see the end of. */
static const char *
parse_list(const char *const values[CHECKPASSWORD_ANSWER_COUNT])
{
	const char *wrong;
	size_t n = 0, size = 0;
	char *answer;

	for (size_t i = 0; i < CHECKPASSWORD_ANSWER_COUNT; i++)
		size += strlen(values[i]) + 1;
	answer = malloc(size);
	assert_non_null(answer);
	for (size_t i = 0; i < CHECKPASSWORD_ANSWER_COUNT; i++) {
		memcpy(answer + n, values[i], strlen(values[i]) + 1);
		n += strlen(values[i]) + 1;
	}
	wrong = parse(answer, n);
	free(answer);
	return wrong;
}

static const char *
parse_values(const char *user, const char *home, const char *mail, const char *maildir)
{
	const char *const values[] = {user, home, mail, maildir, "", ""};

	return parse_list(values);
}

static const char *
parse_policy(const char *delay, const char *expire)
{
	const char *const values[] = {"", "", "", "", delay, expire};

	return parse_list(values);
}

static void
values_are_taken(void **state)
{
	(void)state;
	assert_null(parse_values("jo", "/home/jo", "", ""));
	assert_string_equal(identity.user, "jo");
	assert_string_equal(identity.home, "/home/jo");
	assert_string_equal(identity.mail, "");
	assert_null(parse_values("", "", "", ""));
	assert_string_equal(identity.user, "");
	assert_string_equal(identity.home, "");
}

static void
mail_locations(void **state)
{
	static const char *const cases[][3] = {
		{"maildir:~/x", "", "maildir:~/x"},
		{"mbox:/var/mail/%u", "/m", "mbox:/var/mail/%u"},
		{"/var/mail/jo", "", ""},
		{"/var/mail/jo", "/m", "maildir:/m"},
		{"", "Maildir", "maildir:~/Maildir"},
		{"", "./Maildir/", "maildir:~/Maildir"},
		{"", ".//./a/b//", "maildir:~/a/b"},
		{"", "/srv/100%u/", "maildir:/srv/100%%u"},
		{"", "/", "maildir:/"},
		{"", "..", "maildir:~/.."},
		{"MAILDIR:x", "m", "maildir:~/m"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_null(parse_values("", "", cases[i][0], cases[i][1]));
		assert_string_equal(identity.mail, cases[i][2]);
	}
}

static void
malformed_answers(void **state)
{
	static const char values[] = "a\0/b\0c\0d\0"
				     "1\0"
				     "2\0e";

	(void)state;
	for (size_t n = 0; n <= sizeof(values); n++)
		assert_true((parse(values, n) == NULL) == (n == 13));
	assert_non_null(parse_values("jo", "home", "", ""));
	assert_non_null(strstr(parse_values("jo", "~", "", ""), "absolute"));
}

static void
delay_and_expiry(void **state)
{
	(void)state;
	assert_null(parse_policy("", ""));
	assert_true(identity.login_delay == AUTH_UNSET && identity.expire == AUTH_UNSET);
	assert_null(parse_policy("0", "never"));
	assert_true(identity.login_delay == 0 && identity.expire == AUTH_EXPIRE_NEVER);
	assert_null(parse_policy("600", "0"));
	assert_true(identity.login_delay == 600 && identity.expire == 0);
	assert_non_null(parse_policy("never", ""));
	assert_non_null(parse_policy("", "30d"));
}

static void
limits(void **state)
{
	char text[AUTH_PATH_MAX + 2];

	(void)state;
	memset(text, '/', sizeof(text));
	text[AUTH_PATH_MAX + 1] = '\0';
	assert_non_null(parse_values("", text, "", ""));
	text[AUTH_PATH_MAX] = '\0';
	assert_null(parse_values("", text, "", ""));
	assert_int_equal(strlen(identity.home), AUTH_PATH_MAX);
	text[AUTH_USER_MAX + 1] = '\0';
	assert_non_null(parse_values(text, "", "", ""));
	text[AUTH_USER_MAX] = '\0';
	assert_null(parse_values(text, "", "", ""));
	memset(text, '%', AUTH_PATH_MAX);
	/* Each of them counts twice, behind "maildir:~/". */
	text[(AUTH_PATH_MAX - 10) / 2 + 1] = '\0';
	assert_non_null(parse_values("", "", "", text));
	text[(AUTH_PATH_MAX - 10) / 2] = '\0';
	assert_null(parse_values("", "", "", text));
	memset(text, 'm', AUTH_PATH_MAX + 1);
	text[AUTH_PATH_MAX + 1] = '\0';
	memcpy(text, "mbox:", 5);
	assert_non_null(parse_values("", "", text, ""));
	text[AUTH_PATH_MAX] = '\0';
	assert_null(parse_values("", "", text, ""));
}

int
test_checkpassword_answer(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(values_are_taken),
		cmocka_unit_test(mail_locations),
		cmocka_unit_test(malformed_answers),
		cmocka_unit_test(delay_and_expiry),
		cmocka_unit_test(limits),
	};

	return cmocka_run_group_tests_name("checkpassword_answer", tests, NULL, NULL);
}
