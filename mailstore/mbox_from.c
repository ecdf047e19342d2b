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

static bool
token_in(struct token t, const char (*words)[4], size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (token_is(t, words[i]))
			return true;
	return false;
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
number_cut(struct token *t, unsigned max)
{
	unsigned value = 0;
	size_t n = 0;

	while (n < 2 && n < t->n && digit(t->p[n]))
		value = value * 10 + (unsigned)(t->p[n++] - '0');
	t->p += n;
	t->n -= n;
	return n > 0 && value <= max;
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
token_day(struct token t)
{
	return number_cut(&t, 31) && t.n == 0;
}

static bool
token_time(struct token t)
{
	if (!number_cut(&t, 23) || !colon_cut(&t) || !number_cut(&t, 59))
		return false;
	if (t.n == 0)
		return true;
	return colon_cut(&t) && number_cut(&t, 60) && t.n == 0;
}

static bool
token_year(struct token t)
{
	return t.n == 4 && (t.p[0] == '1' || t.p[0] == '2') && digit(t.p[1]) &&
	       digit(t.p[2]) && digit(t.p[3]);
}

/* "+0200", or a name; no name is as long as the word "remote". */
static bool
token_zone(struct token t)
{
	if (t.n == 5 && (t.p[0] == '+' || t.p[0] == '-'))
		return digit(t.p[1]) && digit(t.p[2]) && digit(t.p[3]) && digit(t.p[4]);
	for (size_t i = 0; i < t.n; i++)
		if (!letter(t.p[i]))
			return false;
	return t.n > 0 && t.n <= 5;
}

/* What stands behind the weekday. */
static bool
date_valid(struct token rest)
{
	struct token t;

	if (!token_in(token_next(&rest), months, sizeof months / sizeof *months) ||
		!token_day(token_next(&rest)) || !token_time(token_next(&rest)))
		return false;
	t = token_next(&rest);
	for (int zones = 0; zones < 2 && token_zone(t); zones++)
		t = token_next(&rest);
	if (!token_year(t))
		return false;
	t = token_next(&rest);
	if (token_zone(t))
		t = token_next(&rest);
	if (t.n == 0)
		return true;
	return token_is(t, "remote") && token_is(token_next(&rest), "from") &&
	       token_next(&rest).n > 0 && token_next(&rest).n == 0;
}

bool
mbox_from_valid(const unsigned char *p, size_t n)
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
		if (token_in(t, weekdays, sizeof weekdays / sizeof *weekdays) &&
			date_valid(rest))
			return true;
	return false;
}
