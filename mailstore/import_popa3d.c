/*
 * popa3d's ids: half of the MD5 of those lines of a header that stay the same, in
 * hexadecimal, as two little-endian words.
 */
#include "mailstore/import_header.h"

#include <md5.h>
#include <stdio.h>

/* Whether a line is hashed; `fixed` says it of the line before. */
static bool
line_is_fixed(struct import_words line, bool fixed, bool *received)
{
	switch (*line.p) {
	case ' ':
	case '\t':
		return fixed;
	case 'R':
	case 'r':
		/* The first one is from the local agent. */
		if (*received || !import_header_begins(line, "Received:"))
			return false;
		*received = true;
		return true;
	case 'D':
	case 'd':
		return import_header_begins(line, "Delivered-To:") ||
		       (!*received && import_header_begins(line, "Date:"));
	case 'M':
	case 'm':
		return !*received && import_header_begins(line, "Message-ID:");
	case 'X':
		return import_header_begins(line, "X-Delivery-ID:");
	default:
		return false;
	}
}

bool
import_popa3d_id(const struct import_message *message, char id[MAIL_UID_MAX + 1])
{
	struct import_words header = message->header, line;
	bool fixed = false, received = false;
	uint8_t d[MD5_DIGEST_LENGTH];
	MD5_CTX md5;

	if (!import_header_is_plain(header))
		return false;
	MD5Init(&md5);
	while (import_header_line(&header, &line)) {
		fixed = line_is_fixed(line, fixed, &received);
		if (fixed)
			MD5Update(&md5, (const uint8_t *)line.p, line.n);
	}
	MD5Final(d, &md5);
	return snprintf(id, MAIL_UID_MAX + 1, "%02x%02x%02x%02x%02x%02x%02x%02x", d[3],
		       d[2], d[1], d[0], d[7], d[6], d[5], d[4]) > 0;
}
