/*
 * What Dovecot keeps in an mbox: "X-IMAPbase: VALIDITY LAST [KEYWORDS]" in the first
 * message, or "X-IMAP:" of the same form in a pseudo message before it, and "X-UID: UID"
 * in each.  Mail from outside may bring such fields along: they are not believed where
 * Dovecot does not believe them.
 */
#include "mailstore/import_header.h"

#include <md5.h>
#include <string.h>

#include "mailstore/import_format.h"

/* What a message says of itself. */
struct numbers {
	uint32_t uid; /* 0 if it is not known */
	bool pseudo;
};

static bool
is_white(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static void
white_skip(struct import_words *value)
{
	while (value->n > 0 && is_white(*value->p))
		import_skip(value, 1);
}

/* The value of a field, without the one blank that belongs behind the colon. */
static bool
value_read(struct import_words field, const char *name, struct import_words *value)
{
	if (!import_header_value(field, name, value))
		return false;
	if (import_header_continues(*value))
		import_skip(value, 1);
	return true;
}

static bool
base_read(struct import_headers *state, struct import_words value)
{
	uint64_t validity, last = 0;

	if (!import_number(&value, UINT32_MAX, &validity) || validity == 0)
		return false;
	if (value.n > 0 && *value.p != ' ')
		return false;
	white_skip(&value);
	if (value.n > 0 && *value.p >= '0' && *value.p <= '9' &&
		!import_number(&value, UINT32_MAX - 1, &last))
		return false;
	if (value.n > 0 && !is_white(*value.p))
		return false;
	state->validity = (uint32_t)validity;
	state->next = last + 1;
	return true;
}

/* New mail could name a UID that another message had; one that comes next is harmless. */
static bool
uid_read(struct import_headers *state, struct import_words value, uint32_t *uid)
{
	uint64_t number;

	if (!import_number(&value, UINT32_MAX - 1, &number))
		return false;
	white_skip(&value);
	if (value.n > 0 || number <= state->last || number > state->next)
		return false;
	if (number == state->next)
		state->next++;
	state->last = (uint32_t)number;
	*uid = state->last;
	return true;
}

static struct numbers
numbers_read(struct import_headers *state, struct import_words header)
{
	const bool first = !state->begun;
	struct numbers numbers = {0};
	struct import_words field, value;

	state->begun = true;
	while (import_header_field(&header, &field)) {
		if (first && state->validity == 0 &&
			value_read(field, "X-IMAPbase", &value))
			(void)base_read(state, value);
		else if (first && state->validity == 0 &&
			 value_read(field, "X-IMAP", &value))
			numbers.pseudo = base_read(state, value);
		else if (state->validity != 0 && numbers.uid == 0 &&
			 value_read(field, "X-UID", &value))
			(void)uid_read(state, value, &numbers.uid);
	}
	return numbers;
}

/* Add the value of a field, each line without its line end. */
static void
md5_add(MD5_CTX *md5, struct import_words field, const char *name)
{
	struct import_words value, line;

	if (!value_read(field, name, &value))
		return;
	while (value.n > 0) {
		const char *end = memchr(value.p, '\n', value.n);

		line = value;
		if (end != NULL)
			line.n = (size_t)(end - value.p);
		import_skip(&value, line.n + 1);
		if (line.n > 0 && line.p[line.n - 1] == '\r')
			line.n--;
		MD5Update(md5, (const uint8_t *)line.p, line.n);
	}
}

/*
 * %m: over what stays the same in a message, as popa3d chooses it: what delivery adds,
 * the first Received, and only before that one, Date and Message-ID.
 */
static void
md5_of_header(struct import_words header, char digest[MD5_DIGEST_STRING_LENGTH])
{
	bool received = false;
	struct import_words field, value;
	MD5_CTX md5;

	MD5Init(&md5);
	while (import_header_field(&header, &field)) {
		md5_add(&md5, field, "Delivered-To");
		md5_add(&md5, field, "X-Delivery-ID");
		if (received)
			continue;
		md5_add(&md5, field, "Date");
		md5_add(&md5, field, "Message-ID");
		md5_add(&md5, field, "Received");
		received = value_read(field, "Received", &value);
	}
	(void)MD5End(&md5, digest);
}

bool
import_mbox_id(struct import_headers *state, const char *format,
	const struct import_message *message, char id[MAIL_UID_MAX + 1])
{
	const struct numbers numbers = numbers_read(state, message->header);
	struct import_values values = {.uid = numbers.uid, .validity = state->validity};
	char digest[MD5_DIGEST_STRING_LENGTH];

	if (numbers.pseudo)
		return false;
	if (numbers.uid == 0 && import_format_has(format, "uv"))
		return false;
	if (import_format_has(format, "gm")) {
		if (message->header.n == 0 ||
			message->header.p[message->header.n - 1] != '\n')
			return false;
		md5_of_header(message->header, digest);
		/* An mbox has no other GUID. */
		values.md5 = values.guid = digest;
		values.guid_length = strlen(digest);
	}
	return import_format_expand(format, &values, id);
}
