#include "pop3d/half_open.h"

#include <string.h>

#include "pop3d/number.h"

#define MOST 100000u

/* The number of n digits at text. */
static bool
take_number(const char *text, size_t n, uint64_t most, uint64_t *number)
{
	return number_parse(text, n, number) && *number >= 1 && *number <= most;
}

bool
half_open_parse(const char *text, struct half_open *limit)
{
	struct half_open found = {0};
	const char *rate = strchr(text, ':');
	const char *full = rate != NULL ? strchr(rate + 1, ':') : NULL;

	if (strcmp(text, "none") == 0) {
		*limit = found;
		return true;
	}
	if (full == NULL ||
		!take_number(text, (size_t)(rate - text), MOST, &found.start) ||
		!take_number(rate + 1, (size_t)(full - rate) - 1, 100, &found.rate) ||
		!take_number(full + 1, strlen(full + 1), MOST, &found.full) ||
		found.start > found.full)
		return false;
	*limit = found;
	return true;
}

bool
half_open_refuses(const struct half_open *limit, size_t n, uint32_t random)
{
	uint64_t percent;

	if (limit->full == 0 || n < limit->start)
		return false;
	if (n >= limit->full)
		return true;
	percent = limit->rate +
		  (100 - limit->rate) * (n - limit->start) / (limit->full - limit->start);
	return random % 100 < percent;
}
