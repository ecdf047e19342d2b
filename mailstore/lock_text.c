#include "mailstore/lock_text.h"

#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAGIC "pop3d-lock 1 "
#define SUM " sum="
#define SUM_DIGITS 16u

static const char *const states[] = {
	[LOCK_HELD] = "held ", [LOCK_LEFT] = "left ", [LOCK_FREE] = "free "};

static bool
same(const char *a, const char *b)
{
	return strcmp(a, b) == 0 && strcmp(a, LOCK_NOT_KNOWN) != 0;
}

bool
lock_holder_is_here(const struct lock_holder *holder, const struct lock_holder *self)
{
	if (holder->state == LOCK_UNKNOWN || holder->host[0] == '\0')
		return false;
	return same(holder->boot, self->boot) ||
	       (same(holder->host, self->host) && same(holder->machine, self->machine));
}

/* FNV-1a: against halves, not against forgers, who may write into the file anyway. */
static uint64_t
sum(const char *text, size_t n)
{
	uint64_t hash = UINT64_C(0xcbf29ce484222325);

	for (size_t i = 0; i < n; i++)
		hash = (hash ^ (unsigned char)text[i]) * UINT64_C(0x100000001b3);
	return hash;
}

void
lock_text_make(char text[LOCK_TEXT], const struct lock_holder *holder)
{
	char line[LOCK_TEXT];
	int n, end;

	n = snprintf(line, sizeof line,
		MAGIC
		"%shost=%s machine=%s boot=%s pid=%s start=%s lease=%u generation=%s",
		states[holder->state], holder->host, holder->machine, holder->boot,
		holder->pid, holder->start, holder->lease, holder->generation);
	/* The longest of all fields together leave a hundred octets. */
	if (n < 0 || (size_t)n + strlen(SUM) + SUM_DIGITS >= sizeof line)
		n = 0;
	end = snprintf(line + n, sizeof line - (size_t)n, SUM "%016" PRIx64,
		sum(line, (size_t)n));
	memset(text, ' ', LOCK_TEXT);
	memcpy(text, line, (size_t)n + (size_t)end);
	text[LOCK_TEXT - 1] = '\n';
}

/* Cut the padding and the sum from a line that is whole. */
static bool
unwrap(char line[LOCK_TEXT + 1], const char *text, size_t n)
{
	char expected[sizeof SUM + SUM_DIGITS];
	size_t end = LOCK_TEXT - 1;

	if (n != LOCK_TEXT || text[end] != '\n' || memchr(text, '\0', n) != NULL)
		return false;
	while (end > 0 && text[end - 1] == ' ')
		end--;
	if (end < strlen(SUM) + SUM_DIGITS)
		return false;
	memcpy(line, text, end);
	line[end] = '\0';
	end -= strlen(SUM) + SUM_DIGITS;
	(void)snprintf(expected, sizeof expected, SUM "%016" PRIx64, sum(line, end));
	if (strcmp(line + end, expected) != 0)
		return false;
	line[end] = '\0';
	return true;
}

static bool
take_word(const char **p, const char *word)
{
	if (strncmp(*p, word, strlen(word)) != 0)
		return false;
	*p += strlen(word);
	return true;
}

/* Take "name" and the value behind it, of octets out of `allowed`, or "-". */
static bool
take_field(
	const char **p, const char *name, const char *allowed, char *value, size_t size)
{
	size_t n;

	if (!take_word(p, name))
		return false;
	n = strcspn(*p, " ");
	if (n == 0 || n >= size)
		return false;
	memcpy(value, *p, n);
	value[n] = '\0';
	*p += n;
	return value[strspn(value, allowed)] == '\0' ||
	       strcmp(value, LOCK_NOT_KNOWN) == 0;
}

static bool
take_state(const char **p, enum lock_state *state)
{
	for (size_t i = LOCK_HELD; i < sizeof states / sizeof states[0]; i++)
		if (take_word(p, states[i])) {
			*state = (enum lock_state)i;
			return true;
		}
	return false;
}

static bool
take_lease(const char **p, unsigned *lease)
{
	char value[6];

	if (!take_field(p, " lease=", LOCK_DIGITS, value, sizeof value))
		return false;
	*lease = (unsigned)strtoul(value, NULL, 10);
	return *lease > 0 && *lease <= LOCK_LEASE_MAX;
}

static bool
parse(struct lock_holder *h, const char *line)
{
	const char *p = line;

	return take_word(&p, MAGIC) && take_state(&p, &h->state) &&
	       take_field(&p, "host=", LOCK_HOST_OCTETS, h->host, sizeof h->host) &&
	       take_field(&p, " machine=", LOCK_HEX, h->machine, sizeof h->machine) &&
	       take_field(&p, " boot=", LOCK_HEX "-", h->boot, sizeof h->boot) &&
	       take_field(&p, " pid=", LOCK_DIGITS, h->pid, sizeof h->pid) &&
	       take_field(&p, " start=", LOCK_DIGITS, h->start, sizeof h->start) &&
	       take_lease(&p, &h->lease) &&
	       take_field(&p, " generation=", LOCK_HEX, h->generation,
		       sizeof h->generation) &&
	       *p == '\0';
}

void
lock_text_parse(struct lock_holder *holder, const char *text, size_t n)
{
	char line[LOCK_TEXT + 1];

	*holder = (struct lock_holder){.state = LOCK_FREE};
	if (n == 0 || (unwrap(line, text, n) && parse(holder, line)))
		return;
	*holder = (struct lock_holder){
		.state = LOCK_UNKNOWN, .host = LOCK_NOT_KNOWN, .pid = LOCK_NOT_KNOWN};
}
