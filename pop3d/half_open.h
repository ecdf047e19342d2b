/*
 * How many connections may be open that have not logged in: a flood of them must not keep
 * everybody else out.
 */
#ifndef HALF_OPEN_H
#define HALF_OPEN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * A new connection is refused with a probability that is 0 below `start` of them, `rate`
 * percent at `start`, and grows evenly to 100 percent at `full`.
 */
struct half_open {
	uint64_t start;
	uint64_t rate;
	uint64_t full; /* 0: there is no limit */
};

/* Read "START:RATE:FULL", or "none".  False, with nothing changed, if it is neither. */
bool half_open_parse(const char *text, struct half_open *limit);

/* True if a connection is to be refused when there are n; random is any number. */
bool half_open_refuses(const struct half_open *limit, size_t n, uint32_t random);

#endif
