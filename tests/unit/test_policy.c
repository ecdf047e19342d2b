#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "auth/policy.h"
#include "tests/unit/tests.h"

/* The texts of the four keys. */
struct lists {
	const char *mechanisms, *domains, *allow, *deny;
};

static const char *
value(void *cookie, const char *key)
{
	const struct lists *lists = cookie;

	if (strcmp(key, "mechanisms") == 0)
		return lists->mechanisms;
	if (strcmp(key, "domains") == 0)
		return lists->domains;
	return strcmp(key, "allow") == 0 ? lists->allow : lists->deny;
}

static enum auth_result
judge(struct lists lists, const char *mechanism, const char *user)
{
	struct auth_policy policy;
	const char *at, *wrong;
	enum auth_result result;

	assert_true(auth_policy_load(&policy, value, &lists, &at, &wrong));
	result = auth_policy_judge(&policy, mechanism, user);
	auth_policy_free(&policy);
	return result;
}

static void
no_list_lets_all_in(void **state)
{
	(void)state;
	assert_int_equal(judge((struct lists){0}, "PLAIN", "jo"), AUTH_OK);
	assert_int_equal(judge((struct lists){0}, "", ""), AUTH_OK);
}

static void
mechanisms_are_matched_in_any_case(void **state)
{
	const struct lists lists = {.mechanisms = "USER scram-sha-256"};

	(void)state;
	assert_int_equal(judge(lists, "USER", "jo"), AUTH_OK);
	assert_int_equal(judge(lists, "SCRAM-SHA-256", "jo"), AUTH_OK);
	assert_int_equal(judge(lists, "SCRAM-SHA-256-PLUS", "jo"), AUTH_UNKNOWN);
	assert_int_equal(judge(lists, "PLAIN", "jo"), AUTH_UNKNOWN);
	/* When only the user is in question the list does not matter. */
	assert_int_equal(judge(lists, "", "jo"), AUTH_OK);
	assert_int_equal(
		judge((struct lists){.mechanisms = ""}, "USER", "jo"), AUTH_UNKNOWN);
}

static void
domains(void **state)
{
	const struct lists lists = {.domains = "example.org -"};

	(void)state;
	assert_int_equal(judge(lists, "USER", "jo@example.org"), AUTH_OK);
	assert_int_equal(judge(lists, "USER", "jo@EXAMPLE.org"), AUTH_OK);
	assert_int_equal(judge(lists, "USER", "a@b@example.org"), AUTH_OK);
	assert_int_equal(judge(lists, "USER", "jo"), AUTH_OK);
	assert_int_equal(judge(lists, "USER", "jo@example.or"), AUTH_UNKNOWN);
	assert_int_equal(judge(lists, "USER", "jo@sub.example.org"), AUTH_UNKNOWN);
	assert_int_equal(
		judge((struct lists){.domains = "a.org"}, "", "jo"), AUTH_UNKNOWN);
}

static void
allow_and_deny(void **state)
{
	const struct lists lists = {
		.allow = "jo  ann\t@good.org", .deny = "ann @bad.org"};

	(void)state;
	assert_int_equal(judge(lists, "USER", "jo"), AUTH_OK);
	assert_int_equal(judge(lists, "USER", "x@good.org"), AUTH_OK);
	assert_int_equal(judge(lists, "USER", "jo2"), AUTH_UNKNOWN);
	assert_int_equal(judge(lists, "USER", "j"), AUTH_UNKNOWN);
	assert_int_equal(judge(lists, "USER", "JO"), AUTH_UNKNOWN);
	/* To be denied goes before to be allowed. */
	assert_int_equal(judge(lists, "USER", "ann"), AUTH_DENY);
	assert_int_equal(judge(lists, "USER", "x@bad.org"), AUTH_DENY);
	assert_int_equal(judge((struct lists){.allow = ""}, "USER", "jo"), AUTH_UNKNOWN);
	assert_int_equal(judge((struct lists){.deny = ""}, "USER", "jo"), AUTH_OK);
}

static void
names_in_a_file(void **state)
{
	char path[] = "/tmp/pop3d-policy-XXXXXX", list[64];
	const struct lists lists = {.deny = list, .allow = list};
	struct auth_policy policy;
	const char *at, *wrong;
	int fd = mkstemp(path);
	FILE *file = fdopen(fd, "w");

	(void)state;
	assert_non_null(file);
	(void)fputs("# nobody\n\n  ann # why\njo\r\n", file);
	for (int i = 0; i < 20000; i++)
		(void)fprintf(file, "user%d\n", i);
	(void)fputs("last", file);
	assert_int_equal(fclose(file), 0);
	(void)snprintf(list, sizeof(list), "bob %s", path);
	for (const char *const *name = (const char *const[]){"ann", "jo", "bob",
		     "user19999", "last", NULL};
		*name != NULL; name++)
		assert_int_equal(judge(lists, "USER", *name), AUTH_DENY);
	assert_int_equal(judge(lists, "USER", "nobody"), AUTH_UNKNOWN);
	assert_int_equal(unlink(path), 0);
	assert_false(
		auth_policy_load(&policy, value, (void *)(uintptr_t)&lists, &at, &wrong));
	assert_string_equal(at, "allow");
	assert_non_null(strstr(wrong, "cannot be opened"));
	auth_policy_free(&policy);
}

int
test_policy(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_list_lets_all_in),
		cmocka_unit_test(mechanisms_are_matched_in_any_case),
		cmocka_unit_test(domains),
		cmocka_unit_test(allow_and_deny),
		cmocka_unit_test(names_in_a_file),
	};

	return cmocka_run_group_tests_name("policy", tests, NULL, NULL);
}
