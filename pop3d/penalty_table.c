#include "pop3d/penalty_table.h"

#include <stdatomic.h>

_Static_assert(ATOMIC_LLONG_LOCK_FREE == 2 && ATOMIC_LONG_LOCK_FREE == 2,
	"what processes share needs atomic operations without a lock");

/* The two halves of a state. */
struct state {
	uint32_t clear_at; /* the debt is paid off */
	uint32_t free_at;  /* the next attempt may begin */
};

static struct state
unpack(uint64_t word)
{
	return (struct state){(uint32_t)(word >> 32), (uint32_t)word};
}

static uint64_t
pack(struct state state)
{
	return (uint64_t)state.clear_at << 32 | state.free_at;
}

/* How far a time lies ahead, `most` if it is further: no content does more than that. */
static uint32_t
ahead(uint32_t at, uint32_t now, uint32_t most)
{
	uint32_t left = at > now ? at - now : 0;

	return left > most ? most : left;
}

static uint32_t
later(uint32_t now, uint32_t ticks)
{
	return ticks > UINT32_MAX - now ? UINT32_MAX : now + ticks;
}

static uint32_t
debt_max(const struct penalty_rule *rule)
{
	return rule->fade > UINT32_MAX / PENALTY_FAILURES_MAX
		       ? UINT32_MAX
		       : rule->fade * PENALTY_FAILURES_MAX;
}

uint32_t
penalty_delay(const struct penalty_rule *rule, uint32_t debt)
{
	uint32_t failures = debt / rule->fade + (debt % rule->fade != 0 ? 1 : 0);
	uint32_t delay = PENALTY_TICKS;

	if (failures <= PENALTY_FREE)
		return 0;
	while (--failures > PENALTY_FREE && delay < rule->longest)
		delay *= 2;
	return delay < rule->longest ? delay : rule->longest;
}

static struct penalty_entry *
bucket_of(struct penalty_table *table, enum penalty_area area, uint64_t mark)
{
	return table->entries[area][mark % PENALTY_BUCKETS];
}

static struct penalty_entry *
find(struct penalty_table *table, enum penalty_area area, uint64_t mark)
{
	struct penalty_entry *bucket = bucket_of(table, area, mark);

	for (size_t i = 0; i < PENALTY_WAYS; i++)
		if (atomic_load(&bucket[i].mark) == mark)
			return &bucket[i];
	return NULL;
}

/* The one of a bucket that is forgotten first, and what it was when that was seen. */
struct weakest {
	struct penalty_entry *entry;
	uint64_t mark, state;
};

static struct weakest
weakest_of(struct penalty_entry *bucket, uint32_t now)
{
	struct weakest weakest = {0};
	uint32_t least = UINT32_MAX;

	for (size_t i = 0; i < PENALTY_WAYS; i++) {
		uint64_t mark = atomic_load(&bucket[i].mark);
		uint64_t state = atomic_load(&bucket[i].state);
		uint32_t left =
			mark == 0 ? 0 : ahead(unpack(state).clear_at, now, UINT32_MAX);

		if (left < least || weakest.entry == NULL) {
			weakest = (struct weakest){&bucket[i], mark, state};
			least = left;
		}
	}
	return weakest;
}

/*
 * The entry of a mark, or the weakest one of its bucket, which it gets.  NULL: others are
 * quicker all the time.
 */
static struct penalty_entry *
claim(struct penalty_table *table, enum penalty_area area, uint64_t mark, uint32_t now)
{
	for (unsigned tries = 0; tries < 2 * PENALTY_WAYS; tries++) {
		struct penalty_entry *entry = find(table, area, mark);
		struct weakest taken;

		if (entry != NULL)
			return entry;
		taken = weakest_of(bucket_of(table, area, mark), now);
		entry = taken.entry;
		/* The same mark may have got there first, and been charged. */
		if (taken.mark == mark ||
			!atomic_compare_exchange_strong(&entry->mark, &taken.mark, mark))
			continue;
		/* Who dies here leaves the little that the other one owed.  Who has
		 * found the mark meanwhile, and charged it, is not undone. */
		(void)atomic_compare_exchange_strong(&entry->state, &taken.state, 0);
		if (find(table, area, mark) == entry)
			return entry;
		/* Or somewhere else: nobody would look behind that one again. */
		taken.mark = mark;
		(void)atomic_compare_exchange_strong(&entry->mark, &taken.mark, 0);
	}
	return NULL;
}

uint32_t
penalty_debt(struct penalty_table *table, enum penalty_area area, uint64_t mark,
	const struct penalty_rule *rule, uint32_t now)
{
	struct penalty_entry *entry = find(table, area, mark);

	if (entry == NULL)
		return 0;
	return ahead(unpack(atomic_load(&entry->state)).clear_at, now, debt_max(rule));
}

uint32_t
penalty_wait(struct penalty_table *table, enum penalty_area area, uint64_t mark,
	const struct penalty_rule *rule, uint32_t now)
{
	struct penalty_entry *entry = find(table, area, mark);

	if (entry == NULL)
		return 0;
	return ahead(unpack(atomic_load(&entry->state)).free_at, now, rule->longest);
}

/* When a debt that grows by `cost` will be paid off. */
static uint32_t
charged(struct state state, const struct penalty_rule *rule, uint32_t now, uint32_t cost)
{
	uint32_t most = debt_max(rule), debt = ahead(state.clear_at, now, most);

	return later(now, cost > most - debt ? most : debt + cost);
}

uint32_t
penalty_begin(struct penalty_table *table, enum penalty_area area, uint64_t mark,
	const struct penalty_rule *rule, uint32_t now, struct penalty_charge *charge)
{
	struct penalty_entry *entry = claim(table, area, mark, now);
	struct state state, next;
	uint64_t word;

	*charge = (struct penalty_charge){0};
	if (entry == NULL)
		return 1;
	word = atomic_load(&entry->state);
	do {
		state = unpack(word);
		if (ahead(state.free_at, now, rule->longest) > 0)
			return ahead(state.free_at, now, rule->longest);
		next.clear_at = charged(state, rule, now, rule->fade);
		next.free_at = later(now, penalty_delay(rule, next.clear_at - now));
		charge->cost =
			next.clear_at - now - ahead(state.clear_at, now, debt_max(rule));
	} while (!atomic_compare_exchange_weak(&entry->state, &word, pack(next)));
	charge->mark = mark;
	charge->free_at = next.free_at;
	return 0;
}

void
penalty_refund(struct penalty_table *table, enum penalty_area area,
	const struct penalty_charge *charge, const struct penalty_rule *rule,
	uint32_t now, bool idle)
{
	struct penalty_entry *entry =
		charge->mark == 0 ? NULL : find(table, area, charge->mark);
	struct state state;
	uint64_t word;

	if (entry == NULL)
		return;
	word = atomic_load(&entry->state);
	do {
		uint32_t debt;

		state = unpack(word);
		debt = ahead(state.clear_at, now, debt_max(rule));
		state.clear_at =
			later(now, debt > charge->cost ? debt - charge->cost : 0);
		/* Another one that has begun since has set another time. */
		if (idle && state.free_at == charge->free_at)
			state.free_at = now;
	} while (!atomic_compare_exchange_weak(&entry->state, &word, pack(state)));
}

void
penalty_charge(struct penalty_table *table, enum penalty_area area, uint64_t mark,
	const struct penalty_rule *rule, uint32_t now, uint32_t cost)
{
	struct penalty_entry *entry = claim(table, area, mark, now);
	struct state state;
	uint64_t word;

	if (entry == NULL)
		return;
	word = atomic_load(&entry->state);
	do {
		state = unpack(word);
		state.clear_at = charged(state, rule, now, cost);
	} while (!atomic_compare_exchange_weak(&entry->state, &word, pack(state)));
}

bool
penalty_note(struct penalty_table *table, enum penalty_area area, uint64_t mark,
	uint32_t ticks, uint32_t now)
{
	bool noted = penalty_noted(table, area, mark, ticks, now);
	struct penalty_entry *entry = claim(table, area, mark, now);

	if (entry != NULL)
		atomic_store(&entry->state, pack((struct state){later(now, ticks), now}));
	return noted;
}

bool
penalty_noted(struct penalty_table *table, enum penalty_area area, uint64_t mark,
	uint32_t ticks, uint32_t now)
{
	struct penalty_entry *entry = find(table, area, mark);
	uint32_t clear_at =
		entry == NULL ? 0 : unpack(atomic_load(&entry->state)).clear_at;

	return clear_at > now && clear_at - now <= ticks;
}

bool
penalty_forget(struct penalty_table *table, enum penalty_area area, uint64_t mark)
{
	struct penalty_entry *entry;
	bool any = false;

	/* Two who came at once may have taken two places. */
	while ((entry = find(table, area, mark)) != NULL &&
		atomic_compare_exchange_strong(&entry->mark, &mark, 0)) {
		atomic_store(&entry->state, 0);
		any = true;
	}
	return any;
}

size_t
penalty_count(struct penalty_table *table, enum penalty_area area, uint32_t now)
{
	size_t n = 0;

	for (size_t i = 0; i < PENALTY_BUCKETS; i++)
		for (size_t j = 0; j < PENALTY_WAYS; j++) {
			struct penalty_entry *entry = &table->entries[area][i][j];

			if (atomic_load(&entry->mark) != 0 &&
				unpack(atomic_load(&entry->state)).clear_at > now)
				n++;
		}
	return n;
}

void
penalty_clear(struct penalty_table *table)
{
	struct penalty_entry *entry = &table->entries[0][0][0];

	for (size_t n = sizeof(table->entries) / sizeof(*entry); n > 0; n--, entry++) {
		atomic_store(&entry->mark, 0);
		atomic_store(&entry->state, 0);
	}
}
