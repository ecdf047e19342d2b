/*
 * The table of penalties: who has failed to log in how often, and may try again when.
 *
 * Shared memory of fixed size, changed by any number of processes at once without a lock:
 * an entry is two words, each of which changes by one atomic operation, so that a process
 * may die anywhere and leave a table as good as before.  Where two contend for a place at
 * the same instant one failure may be lost, or count for the other.  Any content is
 * valid: it comes to no more than the longest delay.
 *
 * Failures are a debt of time that is paid off by waiting: each adds `fade`.  Times are
 * ticks since the machine has started; an entry is known by a mark, see host_key.h.
 */
#ifndef PENALTY_TABLE_H
#define PENALTY_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PENALTY_TICKS 10u        /* a second */
#define PENALTY_FREE 4u          /* failures that cost nothing */
#define PENALTY_FAILURES_MAX 16u /* more are not counted */

#define PENALTY_LAYOUT 1u /* goes up whenever what an entry means changes */
#define PENALTY_BUCKETS 2048u
#define PENALTY_WAYS 8u /* entries that a mark may stand in */

enum penalty_area {
	PENALTY_ADDRESS,  /* networks that failures came from */
	PENALTY_USER,     /* names that were tried */
	PENALTY_GUESS,    /* wrong passwords that were tried */
	PENALTY_FAMILIAR, /* users who have logged in from a network */
	PENALTY_AREAS,
};

struct penalty_entry {
	_Atomic uint64_t mark; /* 0: nobody's */
	_Atomic uint64_t
		state; /* when all is forgotten, and when to try again, in ticks */
};

struct penalty_table {
	_Atomic uint64_t seal; /* whose it is, see penalty.c; 0: new */
	struct penalty_entry entries[PENALTY_AREAS][PENALTY_BUCKETS][PENALTY_WAYS];
};

/* All in ticks. */
struct penalty_rule {
	uint32_t fade;    /* until one failure is forgotten; at least 1 */
	uint32_t longest; /* delay */
};

/* A failure that was charged in advance, to be given back to who did not fail. */
struct penalty_charge {
	uint64_t mark; /* 0: there is none */
	uint32_t cost; /* less than a failure where the debt has come to the most */
	uint32_t free_at;
};

/* The delay that so much debt makes: none at first, then a second, doubling. */
uint32_t penalty_delay(const struct penalty_rule *rule, uint32_t debt);

/* What a mark owes, in ticks; 0 if it is not known. */
uint32_t penalty_debt(struct penalty_table *table, enum penalty_area area, uint64_t mark,
	const struct penalty_rule *rule, uint32_t now);

/* Ticks until a mark may try again. */
uint32_t penalty_wait(struct penalty_table *table, enum penalty_area area, uint64_t mark,
	const struct penalty_rule *rule, uint32_t now);

/*
 * Begin an attempt: what a failure costs is charged at once, so that others at the same
 * time have to wait as if they came after it.  0, with *charge, or the ticks until it may
 * begin, with nothing changed.
 */
uint32_t penalty_begin(struct penalty_table *table, enum penalty_area area, uint64_t mark,
	const struct penalty_rule *rule, uint32_t now, struct penalty_charge *charge);

/* It was no failure.  idle: nor any attempt, the next may begin at once. */
void penalty_refund(struct penalty_table *table, enum penalty_area area,
	const struct penalty_charge *charge, const struct penalty_rule *rule,
	uint32_t now, bool idle);

/* Charge `cost` ticks of debt for what was no attempt: nobody has to wait for it now. */
void penalty_charge(struct penalty_table *table, enum penalty_area area, uint64_t mark,
	const struct penalty_rule *rule, uint32_t now, uint32_t cost);

/* Remember a mark for some ticks; true if it was remembered already. */
bool penalty_note(struct penalty_table *table, enum penalty_area area, uint64_t mark,
	uint32_t ticks, uint32_t now);

/* True if a mark is remembered, by a note of so many ticks at most. */
bool penalty_noted(struct penalty_table *table, enum penalty_area area, uint64_t mark,
	uint32_t ticks, uint32_t now);

/* Forget a mark; false if there was none. */
bool penalty_forget(struct penalty_table *table, enum penalty_area area, uint64_t mark);

/* How many marks of an area owe something. */
size_t penalty_count(struct penalty_table *table, enum penalty_area area, uint32_t now);

/* Forget everything; whose the table is stays. */
void penalty_clear(struct penalty_table *table);

#endif
