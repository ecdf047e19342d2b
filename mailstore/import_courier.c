/*
 * courierpop3dsizelist.  Since version 1 its first line is "/VERSION NEXT [VALIDITY]".
 * The lines of the oldest are "NAME SIZE"; then came "NAME SIZE N", then
 * "NAME SIZE N:VALIDITY", and version 3 has ":UTF8" behind that.  The id is
 * "UIDN-VALIDITY"; "UIDN" where there is no validity, which stays so when Courier writes
 * a newer version; and the base name, with some of its octets in hexadecimal, where N is
 * 0 or not there.
 */
#include "mailstore/import.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "mailstore/import_line.h"
#include "mailstore/import_set.h"

#define VERSION_MAX 3u

static bool
header_read(struct import_words line, uint64_t *version)
{
	uint64_t next;

	import_skip(&line, 1);
	return import_number(&line, VERSION_MAX, version) && *version > 0 &&
	       import_blanks(&line) && import_number(&line, UINT64_MAX, &next);
}

/* "N[:VALIDITY[:UTF8]]".  What is not there is 0. */
static bool
uid_read(struct import_words word, uint64_t *n, uint64_t *validity)
{
	uint64_t utf8;

	*validity = 0;
	if (!import_number(&word, UINT64_MAX, n))
		return false;
	if (word.n > 0 && *word.p == ':') {
		import_skip(&word, 1);
		if (!import_number(&word, UINT64_MAX, validity))
			return false;
	}
	if (word.n > 0 && *word.p == ':') {
		import_skip(&word, 1);
		if (!import_number(&word, UINT64_MAX, &utf8))
			return false;
	}
	return word.n == 0;
}

/* The oldest form of ids.  0 if it is too long for one. */
static size_t
id_from_name(const char *name, size_t n, char id[MAIL_UID_MAX + 4])
{
	size_t length = 0;

	for (size_t i = 0; i < n; i++) {
		const unsigned char c = (unsigned char)name[i];

		if (length >= MAIL_UID_MAX)
			return 0;
		if (c < 0x21 || c > 0x7E || c == '\'' || c == '"' || c == '+')
			length += (size_t)snprintf(id + length, 4, "+%02X", c);
		else
			id[length++] = (char)c;
	}
	return length;
}

static bool
record_add(struct import_set *set, struct import_words line, uint64_t version)
{
	struct import_words name = line, size, uid = {"0", 1};
	uint64_t octets, n, validity;
	char id[MAIL_UID_MAX + 4];
	size_t length;

	if (version > 0 && !import_last_word(&name, &uid))
		return true;
	if (!import_last_word(&name, &size) ||
		!import_number(&size, UINT64_MAX, &octets) || size.n > 0 ||
		!uid_read(uid, &n, &validity))
		return true;
	if (n == 0)
		length = id_from_name(name.p, import_base_length(name.p, name.n), id);
	else if (validity == 0)
		length = (size_t)snprintf(
			id, sizeof(id), "UID%llu", (unsigned long long)n);
	else
		length = (size_t)snprintf(id, sizeof(id), "UID%llu-%llu",
			(unsigned long long)n, (unsigned long long)validity);
	return import_set_add(set, name.p, name.n, id, length);
}

enum import_result
import_courier_parse(const char *text, size_t n, import_found *found, void *cookie)
{
	struct import_set set = {0};
	struct import_words rest = {text, n}, line;
	uint64_t version = 0;

	if (n == 0)
		return IMPORT_NONE;
	if (*text == '/' && (!import_line(&rest, &line) || !header_read(line, &version)))
		return IMPORT_BROKEN;
	while (import_line(&rest, &line)) {
		if (record_add(&set, line, version))
			continue;
		import_set_free(&set);
		errno = ENOMEM;
		return IMPORT_ERROR;
	}
	/* Without a first line that says so, it must look like one. */
	if (version == 0 && set.count == 0)
		return IMPORT_BROKEN;
	return import_set_report(&set, found, cookie);
}
