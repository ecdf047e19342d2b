/*
 * Lists of other servers' unique-ids, and headers that they wrote.  The first octet of
 * the input picks the parser: 0 dovecot-uidlist with a format of those below, which the
 * second octet picks; 1 courierpop3dsizelist; 2 a format, up to a NUL, with a list
 * behind; else headers of some messages, each ended by a NUL, of the source that it says.
 *
 * Whatever they are: ids are valid, no id and no name comes twice, and what is broken
 * reports nothing.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "mailstore/import.h"
#include "mailstore/maildir_name.h"

#define SEEN_MAX 64u /* reports that are compared with each other */
#define FROM "From joe@example.org Mon Jan  1 00:00:00 2024\n"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct seen {
	char keys[SEEN_MAX][MAILDIR_NAME_MAX + 1];
	char ids[SEEN_MAX][MAIL_UID_MAX + 1];
	size_t count; /* of all; those beyond SEEN_MAX are not kept */
	size_t stop;  /* refuse this one; 0 for none */
};

static const char *const formats[] = {NULL, "%f", "%g", "%v-%u", "%Mf", "%-5.3RTg",
	"%{uid | hex(8)}%{uidvalidity | hex(8)}", "%m%u"};

static void
require(bool holds)
{
	if (!holds)
		abort();
}

static void
check_id(const char *id)
{
	const size_t n = strlen(id);

	require(n >= 1 && n <= MAIL_UID_MAX);
	for (size_t i = 0; i < n; i++)
		require(id[i] >= 0x21 && id[i] <= 0x7E);
}

static bool
found(void *cookie, const char *key, const char *id)
{
	struct seen *seen = cookie;
	const size_t n = strlen(key),
		     kept = seen->count < SEEN_MAX ? seen->count : SEEN_MAX;

	check_id(id);
	require(n >= 1 && n <= MAILDIR_NAME_MAX && strchr(key, '/') == NULL);
	require(maildir_name_base(key) == n);
	for (size_t i = 0; i < kept; i++)
		require(strcmp(seen->keys[i], key) != 0 && strcmp(seen->ids[i], id) != 0);
	if (kept < SEEN_MAX) {
		memcpy(seen->keys[kept], key, n + 1);
		memcpy(seen->ids[kept], id, strlen(id) + 1);
	}
	seen->count++;
	return seen->count != seen->stop;
}

static enum import_result
parse(bool courier, const char *text, size_t n, const char *format, struct seen *seen)
{
	return courier ? import_courier_parse(text, n, found, seen)
		       : import_dovecot_parse(text, n, format, found, seen);
}

static void
fuzz_list(bool courier, const char *text, size_t n, const char *format)
{
	struct seen all = {0}, some = {.stop = 1};
	const enum import_result result = parse(courier, text, n, format, &all);

	require(result != IMPORT_ERROR);
	require(result == IMPORT_OK || all.count == 0);
	require((n == 0) == (result == IMPORT_NONE));
	if (all.count == 0)
		return;
	require(parse(courier, text, n, format, &some) == IMPORT_ERROR);
	require(some.count == 1 && strcmp(some.ids[0], all.ids[0]) == 0);
}

static void
fuzz_format(const char *text, size_t n)
{
	const size_t length = strnlen(text, n);

	if (length < n && import_dovecot_format_check(text) == NULL)
		fuzz_list(false, text + length + 1, n - length - 1, text);
}

static void
fuzz_headers(enum import_source source, const char *format, const char *text, size_t n)
{
	struct import_headers state = {0};

	while (n > 0) {
		const size_t length = strnlen(text, n);
		unsigned char *copy = malloc(length > 0 ? length : 1);
		const uint32_t last = state.last;
		char id[MAIL_UID_MAX + 1];

		require(copy != NULL);
		memcpy(copy, text, length);
		if (import_from_header(&state, source, format,
			    (const unsigned char *)FROM, sizeof(FROM) - 1, copy, length,
			    id))
			check_id(id);
		free(copy);
		require(state.last >= last &&
			(state.last == 0 || state.last < state.next));
		text += length;
		n -= length;
		if (n > 0) {
			text++;
			n--;
		}
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *format;
	char *copy;

	if (size < 2)
		return 0;
	format = formats[data[1] % (sizeof(formats) / sizeof(*formats))];
	/* A copy that ends where it ends, for the sanitizer to watch. */
	copy = malloc(size - 2 > 0 ? size - 2 : 1);
	require(copy != NULL);
	memcpy(copy, data + 2, size - 2);
	if (data[0] == 0)
		fuzz_list(false, copy, size - 2, format);
	else if (data[0] == 1)
		fuzz_list(true, copy, size - 2, NULL);
	else if (data[0] == 2)
		fuzz_format(copy, size - 2);
	else
		fuzz_headers((enum import_source)(data[0] % 8), format, copy, size - 2);
	free(copy);
	return 0;
}
