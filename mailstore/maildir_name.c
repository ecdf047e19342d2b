#include "mailstore/maildir_name.h"

#include <string.h>

static const char no_flags[] = ":2,";

size_t
maildir_name_base(const char *name)
{
	/* An empty base would make one message of all such files. */
	return name[0] == ':' ? strlen(name) : strcspn(name, ":");
}

/* The digits that p begins with, less leading zeros: where they begin, how many. */
static size_t
significant_digits(const char *p, size_t n, size_t *start)
{
	size_t i = 0;

	while (i < n && p[i] == '0')
		i++;
	*start = i;
	while (i < n && p[i] >= '0' && p[i] <= '9')
		i++;
	return i - *start;
}

int
maildir_name_compare(const char *a, size_t na, const char *b, size_t nb)
{
	size_t start_a, start_b;
	const size_t digits_a = significant_digits(a, na, &start_a);
	const size_t digits_b = significant_digits(b, nb, &start_b);
	int order;

	/* As text, so that a number of 200 digits is in order too. */
	if (digits_a != digits_b)
		return digits_a < digits_b ? -1 : 1;
	order = memcmp(a + start_a, b + start_b, digits_a);
	if (order != 0)
		return order;
	order = memcmp(a, b, na < nb ? na : nb);
	if (order != 0)
		return order;
	return na < nb ? -1 : na > nb;
}

int64_t
maildir_name_time(const char *name, size_t n)
{
	int64_t time = 0;

	for (size_t i = 0; i < n && name[i] >= '0' && name[i] <= '9'; i++)
		if (__builtin_mul_overflow(time, 10, &time) ||
			__builtin_add_overflow(time, name[i] - '0', &time))
			return INT64_MAX;
	return time;
}

bool
maildir_name_for_cur(const char *name, char to[MAILDIR_NAME_MAX + 1])
{
	const size_t n = strlen(name);
	const size_t extra = strchr(name, ':') == NULL ? sizeof(no_flags) - 1 : 0;

	if (n + extra > MAILDIR_NAME_MAX)
		return false;
	memcpy(to, name, n);
	memcpy(to + n, no_flags, extra);
	to[n + extra] = '\0';
	return true;
}
