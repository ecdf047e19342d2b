/*
 * qpopper's ids, of version 4: X-UIDL if there is one of a length that it could have
 * written itself, or else the MD5 of the From_ line, of some lines of the header and of
 * the From_ line again, in digits of its own.
 */
#include "mailstore/import_header.h"

#include <md5.h>
#include <string.h>

#include "mailstore/import_set.h"

/* X-UIDL of other lengths, in octets, is passed over. */
#define ID_MIN 11u
#define ID_MAX 32u
/* It cuts lines; not where, but how long they may be for sure. */
#define LINE_MAX_SURE 1000u
#define GROUP 4u  /* octets of a digest that go together */
#define DIGITS 5u /* of a group */
#define BASE 80u

/* Whether an X-UIDL was found: then id is set, or "" if it is no valid one. */
static bool
x_uidl_read(struct import_words header, char id[MAIL_UID_MAX + 1])
{
	struct import_words line, value;

	while (import_header_line(&header, &line)) {
		if (!import_header_begins(line, "X-UIDL:") ||
			!import_header_value(line, "X-UIDL", &value))
			continue;
		while (import_header_continues(value))
			import_skip(&value, 1);
		if (value.n < ID_MIN || value.n > ID_MAX)
			continue;
		id[0] = '\0';
		if (import_id_valid(value.p, value.n)) {
			memcpy(id, value.p, value.n);
			id[value.n] = '\0';
		}
		return true;
	}
	return false;
}

static bool
line_is_hashed(struct import_words line)
{
	return import_header_begins(line, "Received:") ||
	       import_header_begins(line, "Date:") ||
	       import_header_begins(line, "Message-Id:") ||
	       import_header_begins(line, "Subject:");
}

/*
 * False where it depends on how qpopper was built, or where it read lines in a way of its
 * own: Content-Length is hashed by some, a NUL ends a line, a long one is taken for two.
 */
static bool
header_add(MD5_CTX *md5, struct import_words header)
{
	struct import_words line;

	if (!import_header_is_plain(header) || memchr(header.p, '\0', header.n) != NULL)
		return false;
	while (import_header_line(&header, &line)) {
		if (line.n > LINE_MAX_SURE ||
			import_header_begins(line, "Content-Length:"))
			return false;
		if (line_is_hashed(line))
			MD5Update(md5, (const uint8_t *)line.p, line.n);
	}
	return true;
}

/* The least digit comes first.  A dot would need stuffing. */
static void
digest_write(const uint8_t digest[MD5_DIGEST_LENGTH], char *id)
{
	for (size_t i = 0; i < MD5_DIGEST_LENGTH; i += GROUP) {
		unsigned v = 0;

		for (size_t j = 0; j < GROUP; j++)
			v = (v << 4) + digest[i + j];
		for (size_t j = 0; j < DIGITS; j++) {
			*id = (char)(0x21 + v % BASE);
			if (*id == '.')
				*id = '~';
			id++;
			v /= BASE;
		}
	}
	*id = '\0';
}

bool
import_qpopper_id(const struct import_message *message, char id[MAIL_UID_MAX + 1])
{
	const struct import_words from = message->from;
	uint8_t digest[MD5_DIGEST_LENGTH];
	MD5_CTX md5;

	if (x_uidl_read(message->header, id))
		return *id != '\0';
	if (from.n == 0 || from.n > LINE_MAX_SURE || from.p[from.n - 1] != '\n' ||
		memchr(from.p, '\0', from.n) != NULL)
		return false;
	MD5Init(&md5);
	MD5Update(&md5, (const uint8_t *)from.p, from.n);
	if (!header_add(&md5, message->header))
		return false;
	MD5Update(&md5, (const uint8_t *)from.p, from.n);
	MD5Final(digest, &md5);
	digest_write(digest, id);
	return true;
}
