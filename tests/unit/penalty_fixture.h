/*
 * A table of penalties for each unit test, which its children share.
 */
#ifndef PENALTY_FIXTURE_H
#define PENALTY_FIXTURE_H

#include "pop3d/penalty_table.h"

#define NOW 100000u

extern struct penalty_table *table;
extern const struct penalty_rule rule;

/* For cmocka. */
int penalty_set_up(void **state);
int penalty_tear_down(void **state);

/* Begin an attempt that will fail; the ticks that it has to wait. */
uint32_t attempt(uint64_t mark, uint32_t now);

uint32_t debt(uint64_t mark, uint32_t now);

/* Marks that stand in the bucket of 7. */
uint64_t neighbour(uint64_t n);

#endif
