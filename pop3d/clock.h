/*
 * Deadlines on the monotonic clock.
 */
#ifndef CLOCK_H
#define CLOCK_H

#include <stdint.h>

#define CLOCK_NEVER INT64_MAX

/* Milliseconds since some fixed point in the past. */
int64_t clock_now(void);

/* The point `seconds` from now. */
int64_t clock_after(uint64_t seconds);

/* Milliseconds left until a deadline, 0 if it has passed; -1 (for poll) for CLOCK_NEVER.
 */
int clock_left(int64_t deadline);

#endif
