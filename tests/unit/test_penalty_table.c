#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/penalty_fixture.h"
#include "tests/unit/tests.h"

static void
test_delay(void **state)
{
	static const uint32_t seconds[] = {0, 0, 0, 0, 0, 1, 2, 4, 8, 16, 30, 30};
	const struct penalty_rule none = {.fade = 1, .longest = 0};

	(void)state;
	for (uint32_t n = 0; n < sizeof(seconds) / sizeof(seconds[0]); n++)
		assert_int_equal(
			penalty_delay(&rule, n * rule.fade), seconds[n] * PENALTY_TICKS);
	/* A part of a failure is as good as one. */
	assert_int_equal(
		penalty_delay(&rule, PENALTY_FREE * rule.fade + 1), PENALTY_TICKS);
	assert_int_equal(penalty_delay(&rule, UINT32_MAX), rule.longest);
	assert_int_equal(penalty_delay(&none, UINT32_MAX), 0);
}

static void
test_failures_add_up_and_fade(void **state)
{
	uint32_t now = NOW;

	(void)state;
	for (uint32_t n = 0; n < PENALTY_FREE + 1; n++)
		assert_int_equal(attempt(7, now), 0);
	assert_int_equal(attempt(7, now), 10);
	assert_int_equal(penalty_wait(table, PENALTY_ADDRESS, 7, &rule, now), 10);
	assert_int_equal(attempt(7, now + 9), 1);
	/* Who waits owes no more for it. */
	assert_int_equal(debt(7, now), 5 * rule.fade);
	assert_int_equal(attempt(7, now + 10), 0);
	assert_int_equal(attempt(7, now + 10), 20);
	assert_int_equal(debt(7, now + 10), 6 * rule.fade - 10);
	assert_int_equal(debt(7, now + rule.fade), 5 * rule.fade);
	assert_int_equal(debt(7, now + 6 * rule.fade), 0);
	assert_int_equal(debt(7, UINT32_MAX), 0);
	assert_int_equal(debt(8, now), 0);
	assert_int_equal(attempt(8, now), 0);
}

/* Every tick counts, and so does every part of a failure that is left. */
static void
test_fading_in_small_steps(void **state)
{
	const uint32_t most = PENALTY_FAILURES_MAX * rule.fade;
	uint32_t delay = rule.longest;

	(void)state;
	penalty_charge(table, PENALTY_ADDRESS, 7, &rule, NOW, most);
	for (uint32_t gone = 0; gone <= most; gone++) {
		uint32_t now_owed = debt(7, NOW + gone);

		assert_int_equal(now_owed, most - gone);
		assert_true(penalty_delay(&rule, now_owed) <= delay);
		delay = penalty_delay(&rule, now_owed);
		assert_int_equal(delay == 0, now_owed <= PENALTY_FREE * rule.fade);
	}
}

/* Who has an account of his own must not pay off with it what he owes for others'. */
static void
test_refund_is_what_was_charged(void **state)
{
	const uint32_t most = PENALTY_FAILURES_MAX * rule.fade;
	struct penalty_charge charge;

	(void)state;
	penalty_charge(table, PENALTY_ADDRESS, 7, &rule, NOW, most);
	for (uint32_t n = 1; n <= PENALTY_FAILURES_MAX; n++) {
		uint32_t now = NOW + n * rule.longest;

		assert_int_equal(
			penalty_begin(table, PENALTY_ADDRESS, 7, &rule, now, &charge), 0);
		penalty_refund(table, PENALTY_ADDRESS, &charge, &rule, now, true);
		assert_int_equal(debt(7, now), most - n * rule.longest);
	}
}

static void
test_debt_is_bounded(void **state)
{
	uint32_t now = NOW;

	(void)state;
	for (unsigned i = 0; i < 1000; i++)
		now += attempt(7, now);
	assert_true(debt(7, now) <= PENALTY_FAILURES_MAX * rule.fade);
	assert_true(penalty_wait(table, PENALTY_ADDRESS, 7, &rule, now) <= rule.longest);
	penalty_charge(table, PENALTY_ADDRESS, 7, &rule, now, UINT32_MAX);
	assert_int_equal(debt(7, now), PENALTY_FAILURES_MAX * rule.fade);
	/* At the end of time. */
	penalty_charge(table, PENALTY_ADDRESS, 9, &rule, UINT32_MAX - 1, rule.fade);
	assert_int_equal(debt(9, UINT32_MAX - 1), 1);
}

/* What was no failure leaves no trace, and lets others go on at once. */
static void
test_refund(void **state)
{
	struct penalty_charge charge;

	(void)state;
	for (uint32_t n = 0; n < PENALTY_FREE; n++)
		assert_int_equal(attempt(7, NOW), 0);
	assert_int_equal(
		penalty_begin(table, PENALTY_ADDRESS, 7, &rule, NOW, &charge), 0);
	assert_int_equal(attempt(7, NOW), 10);
	penalty_refund(table, PENALTY_ADDRESS, &charge, &rule, NOW, true);
	assert_int_equal(debt(7, NOW), PENALTY_FREE * rule.fade);
	assert_int_equal(attempt(7, NOW), 0);
	/* Not what another one has to be waited for. */
	penalty_refund(table, PENALTY_ADDRESS, &charge, &rule, NOW + 3, true);
	assert_int_equal(
		penalty_begin(table, PENALTY_ADDRESS, 7, &rule, NOW + 20, &charge), 0);
	assert_int_equal(attempt(7, NOW + 20), 10);
	/* A repeated guess is an attempt all the same. */
	penalty_refund(table, PENALTY_ADDRESS, &charge, &rule, NOW + 20, false);
	assert_int_equal(attempt(7, NOW + 20), 10);
	/* Nothing was charged; and it is forgotten meanwhile. */
	penalty_refund(
		table, PENALTY_ADDRESS, &(struct penalty_charge){0}, &rule, NOW, true);
	assert_true(penalty_forget(table, PENALTY_ADDRESS, 7));
	penalty_refund(table, PENALTY_ADDRESS, &charge, &rule, NOW, true);
	assert_int_equal(debt(7, NOW), 0);
}

/* A debt that is no attempt holds nobody up by itself. */
static void
test_charge(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 4 * (PENALTY_FREE + 1); i++)
		penalty_charge(table, PENALTY_ADDRESS, 7, &rule, NOW, rule.fade / 4);
	assert_int_equal(debt(7, NOW), (PENALTY_FREE + 1) * rule.fade);
	assert_int_equal(penalty_wait(table, PENALTY_ADDRESS, 7, &rule, NOW), 0);
	assert_int_equal(attempt(7, NOW), 0);
	assert_int_equal(attempt(7, NOW), 20);
}

static void
test_areas_are_apart(void **state)
{
	(void)state;
	penalty_charge(table, PENALTY_USER, 7, &rule, NOW, rule.fade);
	assert_int_equal(debt(7, NOW), 0);
	assert_int_equal(penalty_debt(table, PENALTY_USER, 7, &rule, NOW), rule.fade);
	assert_int_equal(penalty_count(table, PENALTY_USER, NOW), 1);
	assert_int_equal(penalty_count(table, PENALTY_USER, NOW + rule.fade), 0);
	assert_int_equal(penalty_count(table, PENALTY_ADDRESS, NOW), 0);
}

static void
test_notes(void **state)
{
	(void)state;
	assert_false(penalty_noted(table, PENALTY_GUESS, 7, 100, NOW));
	assert_false(penalty_note(table, PENALTY_GUESS, 7, 100, NOW));
	assert_true(penalty_noted(table, PENALTY_GUESS, 7, 100, NOW + 99));
	assert_false(penalty_noted(table, PENALTY_GUESS, 7, 100, NOW + 100));
	assert_false(penalty_noted(table, PENALTY_GUESS, 7, 99, NOW));
	assert_true(penalty_note(table, PENALTY_GUESS, 7, 100, NOW + 99));
	assert_true(penalty_noted(table, PENALTY_GUESS, 7, 100, NOW + 198));
	assert_false(penalty_noted(table, PENALTY_FAMILIAR, 7, 100, NOW));
}

/* The one that owes least gives way, so that nobody gets rid of a debt by many others. */
static void
test_full_bucket(void **state)
{
	(void)state;
	for (unsigned n = 0; n < PENALTY_WAYS; n++)
		for (unsigned i = 0; i <= (n + 3) % PENALTY_WAYS; i++)
			penalty_charge(table, PENALTY_ADDRESS, neighbour(n), &rule, NOW,
				rule.fade);
	for (unsigned n = 100; n < 1000; n++)
		assert_int_equal(attempt(neighbour(n), NOW), 0);
	for (unsigned n = 0; n < PENALTY_WAYS; n++) {
		uint32_t failures = (n + 3) % PENALTY_WAYS + 1;

		assert_int_equal(debt(neighbour(n), NOW),
			failures == 1 ? 0 : failures * rule.fade);
	}
	assert_int_equal(debt(neighbour(999), NOW), rule.fade);
}

static void
test_forget(void **state)
{
	(void)state;
	assert_false(penalty_forget(table, PENALTY_ADDRESS, 7));
	assert_int_equal(attempt(7, NOW), 0);
	assert_int_equal(attempt(neighbour(1), NOW), 0);
	assert_true(penalty_forget(table, PENALTY_ADDRESS, 7));
	assert_int_equal(debt(7, NOW), 0);
	assert_int_equal(debt(neighbour(1), NOW), rule.fade);
	penalty_clear(table);
	assert_int_equal(penalty_count(table, PENALTY_ADDRESS, NOW), 0);
}

int
test_penalty_table(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_delay),
		cmocka_unit_test_setup_teardown(
			test_failures_add_up_and_fade, penalty_set_up, penalty_tear_down),
		cmocka_unit_test_setup_teardown(
			test_debt_is_bounded, penalty_set_up, penalty_tear_down),
		cmocka_unit_test_setup_teardown(
			test_fading_in_small_steps, penalty_set_up, penalty_tear_down),
		cmocka_unit_test_setup_teardown(test_refund_is_what_was_charged,
			penalty_set_up, penalty_tear_down),
		cmocka_unit_test_setup_teardown(
			test_refund, penalty_set_up, penalty_tear_down),
		cmocka_unit_test_setup_teardown(
			test_charge, penalty_set_up, penalty_tear_down),
		cmocka_unit_test_setup_teardown(
			test_areas_are_apart, penalty_set_up, penalty_tear_down),
		cmocka_unit_test_setup_teardown(
			test_notes, penalty_set_up, penalty_tear_down),
		cmocka_unit_test_setup_teardown(
			test_full_bucket, penalty_set_up, penalty_tear_down),
		cmocka_unit_test_setup_teardown(
			test_forget, penalty_set_up, penalty_tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
