#include "mailstore/maildir_quota.h"

#include <stdio.h>
#include <string.h>

/* A run of text that is being read. */
struct text {
	const char *p, *end;
};

static void
skip_blanks(struct text *t)
{
	while (t->p < t->end && (*t->p == ' ' || *t->p == '\t' || *t->p == '\r'))
		t->p++;
}

/* Digits, at least one.  False also for a number that is too large. */
static bool
take_digits(struct text *t, int64_t *number)
{
	const char *start = t->p;

	*number = 0;
	for (; t->p < t->end && *t->p >= '0' && *t->p <= '9'; t->p++)
		if (__builtin_mul_overflow(*number, 10, number) ||
			__builtin_add_overflow(*number, *t->p - '0', number))
			return false;
	return t->p > start;
}

static bool
take_signed(struct text *t, int64_t *number)
{
	const bool negative = t->p < t->end && *t->p == '-';

	t->p += negative;
	if (!take_digits(t, number))
		return false;
	if (negative)
		*number = -*number;
	return true;
}

/* One limit, "1000C". */
static bool
take_limit(struct text *t, struct maildir_quota *q)
{
	int64_t number;

	if (!take_digits(t, &number) || t->p == t->end)
		return false;
	if (*t->p == 'S')
		q->max_bytes = number;
	else if (*t->p == 'C')
		q->max_messages = number;
	else
		return false;
	t->p++;
	return true;
}

bool
maildir_quota_define(struct maildir_quota *q, const char *text, size_t n)
{
	struct text t = {text, text + n};
	struct maildir_quota read = *q;

	if (n >= sizeof(read.definition))
		return false;
	read.max_bytes = read.max_messages = 0;
	skip_blanks(&t);
	while (t.p < t.end) {
		if (!take_limit(&t, &read))
			return false;
		skip_blanks(&t);
		if (t.p == t.end)
			break;
		if (*t.p++ != ',')
			return false;
		skip_blanks(&t);
	}
	memcpy(read.definition, text, n);
	read.definition[n] = '\0';
	*q = read;
	return true;
}

static bool
add_line(struct maildir_quota *q, struct text t)
{
	int64_t bytes, messages;

	skip_blanks(&t);
	if (!take_signed(&t, &bytes))
		return false;
	if (t.p == t.end || (*t.p != ' ' && *t.p != '\t'))
		return false;
	skip_blanks(&t);
	if (!take_signed(&t, &messages))
		return false;
	skip_blanks(&t);
	return t.p == t.end && !__builtin_add_overflow(q->bytes, bytes, &q->bytes) &&
	       !__builtin_add_overflow(q->messages, messages, &q->messages);
}

bool
maildir_quota_parse(struct maildir_quota *q, const char *text, size_t n)
{
	const char *end = text + n;
	const char *line = memchr(text, '\n', n);

	*q = (struct maildir_quota){.damaged = n > MAILDIR_QUOTA_MAX};
	if (n == 0 || memchr(text, '\0', n) != NULL)
		return false;
	if (!maildir_quota_define(q, text, (size_t)((line == NULL ? end : line) - text)))
		return false;
	q->torn = text[n - 1] != '\n';
	/* Without a count that the others can be added to the sums are none. */
	if (line == NULL || line + 1 == end)
		q->damaged = true;
	while (line != NULL && line + 1 < end) {
		const char *start = line + 1;

		line = memchr(start, '\n', (size_t)(end - start));
		q->lines++;
		/* One that is not ended yet may have been meant to be longer. */
		if (line == NULL || !add_line(q, (struct text){start, line}))
			q->damaged = true;
	}
	if (q->bytes < 0 || q->messages < 0)
		q->damaged = true;
	if (q->damaged)
		q->bytes = q->messages = 0;
	return true;
}

size_t
maildir_quota_line(char line[MAILDIR_QUOTA_LINE], int64_t bytes, int64_t messages)
{
	const int n = snprintf(line, MAILDIR_QUOTA_LINE, "%12lld %12lld\n",
		(long long)bytes, (long long)messages);

	return n > 0 ? (size_t)n : 0;
}

bool
maildir_quota_name_size(const char *name, int64_t *size)
{
	const char *end = name + strcspn(name, ":");
	struct text t;

	/* A name that two programs have added to counts by what was added last. */
	for (const char *p = end; p-- > name;) {
		if (end - p <= 3 || memcmp(p, ",S=", 3) != 0)
			continue;
		t = (struct text){p + 3, end};
		return take_digits(&t, size) && (t.p == end || *t.p == ',');
	}
	return false;
}

bool
maildir_quota_name_counts(const char *name)
{
	const char *flags = strstr(name, ":2,");

	if (flags == NULL)
		return true;
	for (flags += 3; *flags >= 'A' && *flags <= 'Z'; flags++)
		if (*flags == 'T')
			return false;
	return true;
}

int64_t
maildir_quota_add(int64_t a, int64_t b)
{
	return a > INT64_MAX - b ? INT64_MAX : a + b;
}
