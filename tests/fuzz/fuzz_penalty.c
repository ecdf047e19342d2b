/*
 * The table of penalties: the input is a bucket's content, then calls.  Whatever the
 * content, no delay is longer than the longest, and no debt larger than the largest.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "pop3d/penalty_table.h"

#define CALL_OCTETS 8u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct penalty_table table;

static void
check(bool good)
{
	if (!good)
		abort();
}

static void
check_entry(enum penalty_area area, uint64_t mark, const struct penalty_rule *rule,
	uint32_t now)
{
	uint64_t most = (uint64_t)rule->fade * PENALTY_FAILURES_MAX;
	uint32_t debt = penalty_debt(&table, area, mark, rule, now);

	check(debt <= most);
	check(penalty_delay(rule, debt) <= rule->longest);
	check(penalty_wait(&table, area, mark, rule, now) <= rule->longest);
}

/* One call: what, for whom, when. */
static void
call(const uint8_t data[CALL_OCTETS], const struct penalty_rule *rule)
{
	const enum penalty_area area = data[1] % PENALTY_AREAS;
	const uint64_t mark = (uint64_t)(data[2] % 16 + 1) * PENALTY_BUCKETS;
	struct penalty_charge charge = {mark, data[3]};
	uint32_t now, wait;

	memcpy(&now, data + 4, sizeof(now));
	switch (data[0] % 5) {
	case 0:
		wait = penalty_begin(&table, area, mark, rule, now, &charge);
		check(wait <= rule->longest || wait == 1);
		check((wait == 0) == (charge.mark == mark));
		break;
	case 1:
		penalty_refund(&table, area, &charge, rule, now, data[3] % 2 != 0);
		break;
	case 2:
		penalty_charge(&table, area, mark, rule, now, data[3]);
		break;
	case 3:
		(void)penalty_note(&table, area, mark, data[3], now);
		check(data[3] == 0 || now == UINT32_MAX ||
			penalty_noted(&table, area, mark, data[3], now));
		break;
	default:
		(void)penalty_forget(&table, area, mark);
		check(penalty_debt(&table, area, mark, rule, now) == 0);
		break;
	}
	check_entry(area, mark, rule, now);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const size_t bucket = sizeof(table.entries[0][0]);
	struct penalty_rule rule;

	if (size < sizeof(rule))
		return 0;
	memcpy(&rule, data, sizeof(rule));
	rule.fade = rule.fade % 864000 + 1;
	rule.longest %= 6001;
	data += sizeof(rule);
	size -= sizeof(rule);
	for (size_t area = 0; area < PENALTY_AREAS; area++) {
		size_t n = size < bucket ? size : bucket;

		memset((void *)&table.entries[area][0], 0, bucket);
		memcpy((void *)&table.entries[area][0], data, n);
		data += n;
		size -= n;
	}
	for (; size >= CALL_OCTETS; data += CALL_OCTETS, size -= CALL_OCTETS)
		call(data, &rule);
	return 0;
}
