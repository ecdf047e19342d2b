/*
 * The text of a session lock: the input as a file's content, and, with the padding and
 * the sum that make it whole, as the line.  What is accepted is what we would write.
 */
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mailstore/lock_text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
check(bool good)
{
	if (!good)
		abort();
}

static bool
is_plain(const char *text)
{
	return text[strspn(text, "0123456789abcdefghijklmnopqrstuvwxyz"
				 "ABCDEFGHIJKLMNOPQRSTUVWXYZ-._")] == '\0';
}

static void
try_text(const char *text, size_t n)
{
	struct lock_holder holder;
	char again[LOCK_TEXT];

	lock_text_parse(&holder, text, n);
	check(is_plain(holder.host) && is_plain(holder.pid));
	if (n == 0)
		check(holder.state == LOCK_FREE);
	if (n == 0 || holder.state == LOCK_UNKNOWN)
		return;
	check(n == LOCK_TEXT && holder.lease > 0 && holder.lease <= LOCK_LEASE_MAX);
	/* A lease may have been written with zeros before it. */
	lock_text_make(again, &holder);
	lock_text_parse(&holder, again, sizeof again);
	check(holder.state != LOCK_UNKNOWN);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint64_t hash = UINT64_C(0xcbf29ce484222325);
	char text[LOCK_TEXT];
	int n;

	try_text((const char *)data, size < LOCK_TEXT ? size : LOCK_TEXT);
	if (size > LOCK_TEXT - 22)
		return 0;
	memcpy(text, data, size);
	for (size_t i = 0; i < size; i++)
		hash = (hash ^ data[i]) * UINT64_C(0x100000001b3);
	n = snprintf(text + size, sizeof text - size, " sum=%016" PRIx64, hash);
	check(n == 21);
	memset(text + size + 21, ' ', sizeof text - size - 21);
	text[LOCK_TEXT - 1] = '\n';
	try_text(text, sizeof text);
	return 0;
}
