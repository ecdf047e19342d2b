/*
 * The table of penalties where many processes change it at once, or die at it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/unit/penalty_fixture.h"
#include "tests/unit/tests.h"

#define TOGETHER 8
#define TIMES 500
#define TRIES (PENALTY_FREE + 2)
#define MARKS (UINT64_C(4) * PENALTY_BUCKETS) /* for which there is room */
#define PLACES UINT64_C(16) /* marks that contend for one bucket, of PENALTY_WAYS */

/* Run a function in processes at once, each with its number. */
static void
together(void (*run)(unsigned number), pid_t pids[TOGETHER])
{
	for (unsigned i = 0; i < TOGETHER; i++) {
		pids[i] = fork();
		assert_true(pids[i] >= 0);
		if (pids[i] > 0)
			continue;
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
		run(i);
		_exit(0);
	}
}

static void
finish(const pid_t pids[TOGETHER])
{
	int status;

	for (unsigned i = 0; i < TOGETHER; i++)
		assert_int_equal(waitpid(pids[i], &status, 0), pids[i]);
}

/* Try each of the marks; how many begin is counted as debts of users. */
static void
begin_many(unsigned number)
{
	const struct penalty_rule counter = {.fade = UINT32_MAX};

	for (uint64_t mark = 1; mark <= MARKS; mark++) {
		/* Two at least begin at the same instant. */
		atomic_fetch_add(&table->seal, 1);
		while (atomic_load(&table->seal) < mark * TOGETHER)
			(void)sched_yield();
		for (unsigned i = 0; i < TRIES; i++)
			if (attempt(mark, NOW) == 0)
				penalty_charge(table, PENALTY_USER, number + 1, &counter,
					NOW, 1);
	}
}

/*
 * However many try at the same time, no more begin than if they came one by one, and also
 * where several are the first.
 */
static void
test_race_to_begin(void **state)
{
	const struct penalty_rule counter = {.fade = UINT32_MAX};
	pid_t pids[TOGETHER];
	uint32_t begun = 0;

	(void)state;
	together(begin_many, pids);
	finish(pids);
	for (unsigned i = 0; i < TOGETHER; i++)
		begun += penalty_debt(table, PENALTY_USER, i + 1, &counter, NOW);
	assert_int_equal(begun, MARKS * (PENALTY_FREE + 1));
	for (uint64_t mark = 1; mark <= MARKS; mark++)
		assert_int_equal(debt(mark, NOW), (PENALTY_FREE + 1) * rule.fade);
}

static void
charge_many(unsigned number)
{
	(void)number;
	for (unsigned i = 0; i < TIMES; i++)
		penalty_charge(table, PENALTY_ADDRESS, 7, &rule, NOW, 3);
}

static void
test_race_to_charge(void **state)
{
	pid_t pids[TOGETHER];

	(void)state;
	penalty_charge(table, PENALTY_ADDRESS, 7, &rule, NOW, 3);
	together(charge_many, pids);
	finish(pids);
	/* Nothing is lost. */
	assert_int_equal(debt(7, NOW), 3 * (TOGETHER * TIMES + 1));
}

/* Never ends: contends for few places with every function. */
static void
contend(unsigned number)
{
	struct penalty_charge charge;
	uint32_t now = NOW;

	for (uint64_t i = number;; i = i * 31 + 7) {
		uint64_t mark = neighbour(i / 16 % PLACES);

		now += penalty_begin(table, PENALTY_ADDRESS, mark, &rule, now, &charge);
		if (i % 3 == 0)
			penalty_refund(table, PENALTY_ADDRESS, &charge, &rule, now, true);
		if (i % 5 == 0)
			(void)penalty_forget(table, PENALTY_ADDRESS, mark);
	}
}

/* Whatever they were at when they died, the table is as good as any. */
static void
test_killed_inside(void **state)
{
	pid_t pids[TOGETHER];

	(void)state;
	for (unsigned round = 0; round < 20; round++) {
		struct timespec pause = {0, 2000000L + round * 100000L};

		together(contend, pids);
		(void)nanosleep(&pause, NULL);
		for (unsigned i = 0; i < TOGETHER; i++)
			assert_int_equal(kill(pids[i], SIGKILL), 0);
		finish(pids);
		for (unsigned n = 0; n < PLACES; n++) {
			assert_true(debt(neighbour(n), NOW) <=
				    PENALTY_FAILURES_MAX * rule.fade);
			assert_true(attempt(neighbour(n), NOW) <= rule.longest);
		}
		assert_true(penalty_count(table, PENALTY_ADDRESS, NOW) <= PENALTY_WAYS);
		penalty_clear(table);
		assert_int_equal(attempt(7, NOW), 0);
		assert_int_equal(debt(7, NOW), rule.fade);
	}
}

int
test_penalty_race(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			test_race_to_begin, penalty_set_up, penalty_tear_down),
		cmocka_unit_test_setup_teardown(
			test_race_to_charge, penalty_set_up, penalty_tear_down),
		cmocka_unit_test_setup_teardown(
			test_killed_inside, penalty_set_up, penalty_tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
