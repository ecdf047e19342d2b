#include "mailstore/mbox_from.h"

#include <string.h>
#include <strings.h>

struct token {
	const unsigned char *p;
	size_t n;
};

static const char weekdays[][4] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
static const char months[][4] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug",
	"Sep", "Oct", "Nov", "Dec"};

/* Cut the next word off rest; without one the token is empty, which nothing matches. */
static struct token
token_next(struct token *rest)
{
	struct token t;

	while (rest->n > 0 && (*rest->p == ' ' || *rest->p == '\t')) {
		rest->p++;
		rest->n--;
	}
	t.p = rest->p;
	t.n = 0;
	while (t.n < rest->n && t.p[t.n] != ' ' && t.p[t.n] != '\t')
		t.n++;
	rest->p += t.n;
	rest->n -= t.n;
	return t;
}

static bool
token_is(struct token t, const char *word)
{
	return t.n == strlen(word) && strncasecmp((const char *)t.p, word, t.n) == 0;
}

/* Which of n words it is; n if it is none. */
static size_t
token_in(struct token t, const char (*words)[4], size_t n)
{
	size_t i = 0;

	while (i < n && !token_is(t, words[i]))
		i++;
	return i;
}

static bool
digit(unsigned char c)
{
	return c >= '0' && c <= '9';
}

static bool
letter(unsigned char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* One or two digits from the front of t, at the most `max`. */
static bool
number_cut(struct token *t, int max, int *value)
{
	size_t n = 0;

	*value = 0;
	while (n < 2 && n < t->n && digit(t->p[n]))
		*value = *value * 10 + (t->p[n++] - '0');
	t->p += n;
	t->n -= n;
	return n > 0 && *value <= max;
}

static bool
colon_cut(struct token *t)
{
	if (t->n == 0 || *t->p != ':')
		return false;
	t->p++;
	t->n--;
	return true;
}

static bool
token_day(struct token t, struct mbox_from_date *date)
{
	return number_cut(&t, 31, &date->day) && t.n == 0;
}

static bool
token_time(struct token t, struct mbox_from_date *date)
{
	if (!number_cut(&t, 23, &date->hour) || !colon_cut(&t) ||
		!number_cut(&t, 59, &date->minute))
		return false;
	if (t.n == 0)
		return true;
	return colon_cut(&t) && number_cut(&t, 60, &date->second) && t.n == 0;
}

static bool
token_year(struct token t, struct mbox_from_date *date)
{
	if (t.n != 4 || (t.p[0] != '1' && t.p[0] != '2'))
		return false;
	for (size_t i = 0; i < t.n; i++) {
		if (!digit(t.p[i]))
			return false;
		date->year = date->year * 10 + (t.p[i] - '0');
	}
	return true;
}

/* "+0200", or a name; no name is as long as the word "remote". */
static bool
token_zone(struct token t, struct mbox_from_date *date)
{
	if (t.n == 5 && (t.p[0] == '+' || t.p[0] == '-')) {
		if (!digit(t.p[1]) || !digit(t.p[2]) || !digit(t.p[3]) || !digit(t.p[4]))
			return false;
	} else {
		for (size_t i = 0; i < t.n; i++)
			if (!letter(t.p[i]))
				return false;
		if (t.n == 0 || t.n > 5)
			return false;
	}
	if (date->zone[0] == '\0') {
		memcpy(date->zone, t.p, t.n);
		date->zone[t.n] = '\0';
	}
	return true;
}

/* What stands behind the weekday. */
static bool
date_read(struct token rest, struct mbox_from_date *date)
{
	struct token t;

	*date = (struct mbox_from_date){.year = 0};
	date->month =
		(int)token_in(token_next(&rest), months, sizeof months / sizeof *months);
	if (date->month == sizeof months / sizeof *months ||
		!token_day(token_next(&rest), date) ||
		!token_time(token_next(&rest), date))
		return false;
	t = token_next(&rest);
	for (int zones = 0; zones < 2 && token_zone(t, date); zones++)
		t = token_next(&rest);
	if (!token_year(t, date))
		return false;
	t = token_next(&rest);
	if (token_zone(t, date))
		t = token_next(&rest);
	if (t.n == 0)
		return true;
	return token_is(t, "remote") && token_is(token_next(&rest), "from") &&
	       token_next(&rest).n > 0 && token_next(&rest).n == 0;
}

bool
mbox_from_read(const unsigned char *p, size_t n, struct mbox_from_date *date)
{
	struct token rest, t;

	if (n > 0 && p[n - 1] == '\n')
		n--;
	if (n > 0 && p[n - 1] == '\r')
		n--;
	if (n < 5 || n > MBOX_FROM_MAX || memcmp(p, "From ", 5) != 0)
		return false;
	rest.p = p + 5;
	rest.n = n - 5;
	/* The sender may look like anything, so every weekday is tried as the date's. */
	for (t = token_next(&rest); t.n > 0; t = token_next(&rest))
		if (token_in(t, weekdays, sizeof weekdays / sizeof *weekdays) <
				sizeof weekdays / sizeof *weekdays &&
			date_read(rest, date))
			return true;
	return false;
}

bool
mbox_from_valid(const unsigned char *p, size_t n)
{
	struct mbox_from_date date;

	return mbox_from_read(p, n, &date);
}
