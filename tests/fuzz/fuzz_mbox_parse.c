/*
 * The mbox parser: whatever the bytes are and however they come in chunks, the list is
 * the same, and it is one that the driver may rely on.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mailstore/mbox_date.h"
#include "mailstore/mbox_from.h"
#include "mailstore/mbox_parse.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct list {
	struct mbox_entry *v;
	size_t n;
	size_t at; /* compared so far */
};

static void
check(bool right)
{
	if (!right)
		abort();
}

static bool
keep(void *cookie, const struct mbox_entry *entry)
{
	struct list *list = cookie;

	list->v = reallocarray(list->v, list->n + 1, sizeof *list->v);
	check(list->v != NULL);
	list->v[list->n++] = *entry;
	return true;
}

static bool
compare(void *cookie, const struct mbox_entry *entry)
{
	struct list *list = cookie;
	const struct mbox_entry *first;

	check(list->at < list->n);
	first = &list->v[list->at++];
	check(entry->from == first->from && entry->start == first->start &&
		entry->length == first->length && entry->header == first->header &&
		entry->octets == first->octets && entry->hash == first->hash &&
		entry->pseudo == first->pseudo &&
		memcmp(entry->id, first->id, sizeof entry->id) == 0);
	return true;
}

static uint64_t
count_octets(const uint8_t *p, uint64_t n)
{
	uint64_t octets = 0;

	for (uint64_t i = 0; i < n; i++)
		octets += p[i] == '\n' && (i == 0 || p[i - 1] != '\r') ? 2 : 1;
	return n > 0 && p[n - 1] != '\n' ? octets + 2 : octets;
}

/* What is read of a date, written and read again is the same time, whatever the zone. */
static void
check_date(const uint8_t *p, size_t n)
{
	static bool zoned;
	int64_t seconds, latest = 0, again;
	char date[MBOX_DATE_SIZE], line[MBOX_DATE_SIZE + 8];

	/* Twice a year an hour is not there, or comes twice. */
	zoned = zoned || setenv("TZ", "CET-1CEST,M3.5.0,M10.5.0/3", 1) == 0;
	if (!mbox_date_read(p, n, &seconds)) {
		check(!mbox_date_latest(p, n, &latest));
		return;
	}
	check(mbox_from_valid(p, n) && mbox_date_latest(p, n, &latest));
	check(latest >= seconds - (int64_t)2 * 24 * 3600);
	mbox_date_write(seconds, date);
	(void)snprintf(line, sizeof line, "From  %s", date);
	check(mbox_date_read((const unsigned char *)line, strlen(line), &again));
	check(again == seconds || seconds < 0 || again == 32503679999);
}

static void
check_list(const struct list *list, const uint8_t *data, size_t size)
{
	uint64_t end = 0;

	for (size_t i = 0; i < list->n; i++) {
		const struct mbox_entry *entry = &list->v[i];

		check(entry->from >= end && entry->start > entry->from);
		check(entry->start + entry->length <= size);
		check(entry->header <= entry->length);
		check(memcmp(data + entry->from, "From ", 5) == 0);
		check_date(data + entry->from, entry->start - entry->from);
		/* At most one empty line lies between two messages. */
		check(i == 0 || entry->from - end <= 2);
		for (uint64_t k = end; k < entry->from; k++)
			check(data[k] == '\n' || data[k] == '\r');
		check(entry->octets == count_octets(data + entry->start, entry->length));
		end = entry->start + entry->length;
	}
	check(list->n == 0 || size - end <= 2);
}

/* The sizes of the chunks are taken from the data, at most `max` each. */
static enum mbox_parse_result
parse(mbox_parse_found *found, struct list *list, const uint8_t *data, size_t size,
	size_t max)
{
	struct mbox_parse *parse = mbox_parse_new(found, list);
	enum mbox_parse_result result = MBOX_PARSE_OK;

	check(parse != NULL);
	for (size_t i = 0, n; i < size && result == MBOX_PARSE_OK; i += n) {
		n = max < 256 ? 1 + data[i] % max : max;
		if (n > size - i)
			n = size - i;
		result = mbox_parse_feed(parse, data + i, n);
	}
	result = mbox_parse_finish(parse);
	mbox_parse_free(parse);
	return result;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const size_t chunks[] = {1, 2, 7, 40, 255};
	struct list list = {0};
	const enum mbox_parse_result result = parse(keep, &list, data, size, SIZE_MAX);

	check(result == MBOX_PARSE_OK || (result == MBOX_PARSE_ALIEN && list.n == 0));
	check_list(&list, data, size);
	for (size_t i = 0; i < sizeof chunks / sizeof *chunks; i++) {
		list.at = 0;
		check(parse(compare, &list, data, size, chunks[i]) == result);
		check(list.at == list.n);
	}
	free(list.v);
	return 0;
}
