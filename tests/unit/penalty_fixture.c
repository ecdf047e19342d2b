#include "tests/unit/penalty_fixture.h"

#include <sys/mman.h>

struct penalty_table *table;
const struct penalty_rule rule = {.fade = 3000, .longest = 300};

int
penalty_set_up(void **state)
{
	(void)state;
	table = mmap(NULL, sizeof(*table), PROT_READ | PROT_WRITE,
		MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	return table == MAP_FAILED ? -1 : 0;
}

int
penalty_tear_down(void **state)
{
	(void)state;
	return munmap(table, sizeof(*table));
}

uint32_t
attempt(uint64_t mark, uint32_t now)
{
	struct penalty_charge charge;

	return penalty_begin(table, PENALTY_ADDRESS, mark, &rule, now, &charge);
}

uint32_t
debt(uint64_t mark, uint32_t now)
{
	return penalty_debt(table, PENALTY_ADDRESS, mark, &rule, now);
}

uint64_t
neighbour(uint64_t n)
{
	return 7 + n * PENALTY_BUCKETS;
}
