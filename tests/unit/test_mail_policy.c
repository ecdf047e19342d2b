#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "pop3d/mail_policy.h"
#include "tests/unit/log_fixture.h"
#include "tests/unit/tests.h"

static void
test_delay(void **state)
{
	static const struct {
		uint64_t all, max;
		uint64_t own;
		uint64_t bound, expected;
		unsigned warned;
	} cases[] = {
		{0, 0, AUTH_UNSET, 0, 0, 0},
		{300, 0, AUTH_UNSET, 300, 300, 0},
		{300, 0, 10, 300, 300, 1},
		{0, 0, 10, 0, 0, 1},
		{0, 600, AUTH_UNSET, 600, 0, 0},
		{0, 600, 600, 600, 600, 0},
		{300, 600, 0, 600, 0, 0},
		{300, 600, 601, 600, 600, 1},
		{300, 60, 200, 300, 200, 0},
		{300, 60, AUTH_EXPIRE_NEVER, 300, 300, 1},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct config config = {.mail = {.login_delay = cases[i].all,
						      .login_delay_max = cases[i].max,
						      .expire = CONFIG_NEVER,
						      .expire_min = CONFIG_NEVER}};
		const struct auth_identity identity = {
			.login_delay = (uint32_t)cases[i].own, .expire = AUTH_UNSET};
		struct mail_policy policy;

		n_logged = 0;
		mail_policy_of_all(&policy, &config);
		assert_int_equal(policy.login_delay, cases[i].bound);
		assert_int_equal(policy.delays, cases[i].bound != 0);
		assert_int_equal(policy.delay_varies, cases[i].max != 0);
		assert_false(policy.expire_varies);
		mail_policy_of_user(&policy, &config, &identity);
		assert_int_equal(policy.login_delay, cases[i].expected);
		assert_int_equal(policy.delays, cases[i].bound != 0);
		assert_false(policy.delay_varies);
		assert_int_equal(n_logged, cases[i].warned);
	}
}

static void
test_expire(void **state)
{
	static const struct {
		uint64_t all, min;
		uint64_t own;
		uint64_t bound, expected;
		unsigned warned;
	} cases[] = {
		{CONFIG_NEVER, CONFIG_NEVER, AUTH_UNSET, CONFIG_NEVER, CONFIG_NEVER, 0},
		{CONFIG_NEVER, CONFIG_NEVER, 30, CONFIG_NEVER, CONFIG_NEVER, 1},
		{30, CONFIG_NEVER, AUTH_UNSET, 30, 30, 0},
		{30, CONFIG_NEVER, AUTH_EXPIRE_NEVER, 30, 30, 1},
		{CONFIG_NEVER, 7, AUTH_UNSET, 7, CONFIG_NEVER, 0},
		{CONFIG_NEVER, 7, 7, 7, 7, 0},
		{CONFIG_NEVER, 7, 6, 7, 7, 1},
		{CONFIG_NEVER, 0, 0, 0, 0, 0},
		{30, 7, AUTH_EXPIRE_NEVER, 7, CONFIG_NEVER, 0},
		{5, 7, 0, 5, 5, 1},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct config config = {
			.mail = {.expire = cases[i].all, .expire_min = cases[i].min}};
		const struct auth_identity identity = {
			.login_delay = AUTH_UNSET, .expire = (uint32_t)cases[i].own};
		struct mail_policy policy;

		n_logged = 0;
		mail_policy_of_all(&policy, &config);
		assert_true(policy.expire == cases[i].bound);
		assert_int_equal(policy.expire_varies, cases[i].min != CONFIG_NEVER);
		mail_policy_of_user(&policy, &config, &identity);
		assert_true(policy.expire == cases[i].expected);
		assert_false(policy.expire_varies);
		assert_int_equal(n_logged, cases[i].warned);
	}
}

int
test_mail_policy(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_delay, log_set_up, log_tear_down),
		cmocka_unit_test_setup_teardown(test_expire, log_set_up, log_tear_down),
	};

	return cmocka_run_group_tests_name("mail_policy", tests, NULL, NULL);
}
