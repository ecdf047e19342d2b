#include "mailstore/mbox_parse.h"

#include <sha256.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "mailstore/mbox_from.h"
#include "mailstore/octets.h"

/* Longer than any field name that matters for the id. */
#define NAME_LENGTH 32u

enum part {
	PART_FIRST, /* nothing but a From_ line is right */
	PART_HEADER,
	PART_BODY,
};

enum pseudo {
	PSEUDO_DATA = 1u << 0,
	PSEUDO_SUBJECT = 1u << 1,
};

struct mbox_parse {
	mbox_parse_found *found;
	void *cookie;
	enum mbox_parse_result result;
	enum part part;
	uint64_t offset; /* of the next byte fed */
	/*
	 * A line is first collected, until it is known what it is; then what is left of
	 * it is taken as it comes.
	 */
	unsigned char line[MBOX_FROM_MAX];
	size_t len;
	uint64_t line_offset;
	bool known;   /* in a line, and known to be text */
	bool hashing; /* the header field at hand is part of the id */
	bool cr;      /* a CR is held back from the id: an LF may follow */
	/* Octets of an empty line that may prove to be the separator; 0 for none. */
	size_t held;
	uint64_t count;
	unsigned pseudo;
	struct mbox_entry entry;
	struct octets octets;
	SHA2_CTX id;
};

struct mbox_parse *
mbox_parse_new(mbox_parse_found *found, void *cookie)
{
	struct mbox_parse *parse = calloc(1, sizeof *parse);

	if (parse == NULL)
		return NULL;
	parse->found = found;
	parse->cookie = cookie;
	return parse;
}

void
mbox_parse_free(struct mbox_parse *parse)
{
	free(parse);
}

uint64_t
mbox_parse_hash(const unsigned char *p, size_t n)
{
	unsigned char digest[SHA256_DIGEST_LENGTH];
	uint64_t hash = 0;
	SHA2_CTX sha;

	SHA256Init(&sha);
	SHA256Update(&sha, p, n);
	SHA256Final(digest, &sha);
	for (size_t i = 0; i < sizeof hash; i++)
		hash = hash << 8 | digest[i];
	return hash;
}

/* Add header text to the id, each CRLF as LF. */
static void
id_add(struct mbox_parse *parse, const unsigned char *p, size_t n)
{
	static const unsigned char cr = '\r';
	const unsigned char *end = p + n, *next;

	while (p < end) {
		if (parse->cr && *p != '\n')
			SHA256Update(&parse->id, &cr, 1);
		next = memchr(p, '\r', (size_t)(end - p));
		parse->cr = next != NULL;
		if (next == NULL)
			next = end;
		SHA256Update(&parse->id, p, (size_t)(next - p));
		p = parse->cr ? next + 1 : end;
	}
}

/* Mail readers keep their state in these fields; delivery has other ones. */
static bool
field_is_rewritten(const unsigned char *p, size_t n)
{
	static const char *const names[] = {
		"Status:", "X-Status:", "X-Keywords:", "X-UID:", "X-UIDL:", "X-IMAP:",
		"X-IMAPbase:", "Content-Length:", "Lines:", "X-Mozilla-"};

	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		size_t len = strlen(names[i]);

		if (n >= len && strncasecmp((const char *)p, names[i], len) == 0)
			return true;
	}
	return false;
}

/*
 * c-client keeps its folder data in a first message of this subject.  Both marks are
 * asked for, so that a stray X-IMAPbase field does not hide a mail.
 */
static void
pseudo_note(struct mbox_parse *parse)
{
	static const char subject[] =
		"Subject: DON'T DELETE THIS MESSAGE -- FOLDER INTERNAL DATA";
	const char *line = (const char *)parse->line;
	size_t n = parse->len;

	while (n > 0 && (line[n - 1] == '\n' || line[n - 1] == '\r'))
		n--;
	if ((n > 7 && strncasecmp(line, "X-IMAP:", 7) == 0) ||
		(n > 11 && strncasecmp(line, "X-IMAPbase:", 11) == 0))
		parse->pseudo |= PSEUDO_DATA;
	else if (n == sizeof subject - 1 && strncasecmp(line, subject, n) == 0)
		parse->pseudo |= PSEUDO_SUBJECT;
}

/* The message at hand ends before the byte at `end`, and before an empty line there. */
static void
message_end(struct mbox_parse *parse, uint64_t end)
{
	struct mbox_entry *entry = &parse->entry;
	unsigned char digest[SHA256_DIGEST_LENGTH];

	entry->length = end - parse->held - entry->start;
	if (parse->part == PART_HEADER || entry->header > entry->length)
		entry->header = entry->length;
	entry->octets = octets_total(&parse->octets);
	entry->pseudo =
		parse->count == 0 && parse->pseudo == (PSEUDO_DATA | PSEUDO_SUBJECT);
	SHA256Final(digest, &parse->id);
	memcpy(entry->id, digest, sizeof entry->id);
	parse->count++;
	if (!parse->found(parse->cookie, entry))
		parse->result = MBOX_PARSE_STOPPED;
}

/* The line collected is a From_ line. */
static void
message_begin(struct mbox_parse *parse)
{
	if (parse->part != PART_FIRST)
		message_end(parse, parse->line_offset);
	parse->part = PART_HEADER;
	parse->held = 0;
	parse->entry = (struct mbox_entry){
		.from = parse->line_offset,
		.start = parse->line_offset + parse->len,
		.hash = mbox_parse_hash(parse->line, parse->len),
	};
	parse->octets = (struct octets){0};
	SHA256Init(&parse->id);
	parse->cr = false;
	parse->hashing = true;
	id_add(parse, parse->line, parse->len);
	parse->len = 0;
}

/* The empty line held back was one of the message after all. */
static void
held_release(struct mbox_parse *parse)
{
	static const unsigned char crlf[] = {'\r', '\n'};

	octets_add(&parse->octets, crlf + sizeof crlf - parse->held, parse->held);
	parse->held = 0;
}

static void
line_empty(struct mbox_parse *parse)
{
	held_release(parse);
	parse->held = parse->len;
	if (parse->part == PART_HEADER) {
		parse->entry.header =
			parse->line_offset + parse->len - parse->entry.start;
		parse->part = PART_BODY;
	}
	parse->len = 0;
}

/* What is collected is the beginning of a line of text, or all of it. */
static void
line_text(struct mbox_parse *parse)
{
	const unsigned char *line = parse->line;

	held_release(parse);
	if (parse->part == PART_HEADER) {
		if (line[0] != ' ' && line[0] != '\t')
			parse->hashing = !field_is_rewritten(line, parse->len);
		if (parse->hashing)
			id_add(parse, line, parse->len);
		if (parse->count == 0)
			pseudo_note(parse);
	}
	octets_add(&parse->octets, line, parse->len);
	parse->known = line[parse->len - 1] != '\n';
	parse->len = 0;
}

static bool
line_may_be_from(const struct mbox_parse *parse)
{
	size_t n = parse->len < 5 ? parse->len : 5;

	return (parse->part == PART_FIRST ||
		       (parse->part == PART_BODY && parse->held > 0)) &&
	       memcmp(parse->line, "From ", n) == 0;
}

/* Whether another byte is needed to say what the line is. */
static bool
line_is_open(const struct mbox_parse *parse)
{
	const unsigned char *line = parse->line;
	size_t n = parse->len;

	if (line[n - 1] == '\n' || n == sizeof parse->line)
		return false;
	if (line_may_be_from(parse) || (n == 1 && line[0] == '\r'))
		return true;
	if (parse->part != PART_HEADER || line[0] == ' ' || line[0] == '\t')
		return false;
	/* In the first message whole lines are wanted, for the marks of a pseudo one. */
	return parse->count == 0 || (line[n - 1] != ':' && n < NAME_LENGTH);
}

/* Enough of a line is collected, or the file ends in it. */
static void
line_decide(struct mbox_parse *parse, bool whole)
{
	const unsigned char *line = parse->line;
	size_t n = parse->len;

	if (whole && line_may_be_from(parse) && mbox_from_valid(line, n))
		message_begin(parse);
	else if (parse->part == PART_FIRST)
		parse->result = MBOX_PARSE_ALIEN;
	else if (line[n - 1] == '\n' && (n == 1 || (n == 2 && line[0] == '\r')))
		line_empty(parse);
	else
		line_text(parse);
}

static size_t
line_start(struct mbox_parse *parse, const unsigned char *p, size_t n)
{
	size_t i = 0;

	if (parse->len == 0) {
		parse->line_offset = parse->offset;
		/* Nearly every line of a body can be told from its first byte. */
		if (parse->part == PART_BODY && *p != '\n' && *p != '\r' && *p != 'F') {
			held_release(parse);
			parse->known = true;
			return 0;
		}
	}
	do
		parse->line[parse->len++] = p[i++];
	while (i < n && line_is_open(parse));
	if (!line_is_open(parse))
		line_decide(parse, parse->line[parse->len - 1] == '\n');
	return i;
}

static size_t
header_rest(struct mbox_parse *parse, const unsigned char *p, size_t n)
{
	const unsigned char *end = memchr(p, '\n', n);

	parse->known = end == NULL;
	if (end != NULL)
		n = (size_t)(end - p) + 1;
	if (parse->hashing)
		id_add(parse, p, n);
	octets_add(&parse->octets, p, n);
	return n;
}

/* Take all lines up to one that may be empty. */
static size_t
body_rest(struct mbox_parse *parse, const unsigned char *p, size_t n)
{
	size_t i = 0;

	while (parse->known) {
		const unsigned char *end = memchr(p + i, '\n', n - i);

		if (end == NULL) {
			i = n;
			break;
		}
		i = (size_t)(end - p) + 1;
		parse->known = i < n && p[i] != '\n' && p[i] != '\r';
	}
	octets_add(&parse->octets, p, i);
	return i;
}

enum mbox_parse_result
mbox_parse_feed(struct mbox_parse *parse, const unsigned char *p, size_t n)
{
	while (n > 0 && parse->result == MBOX_PARSE_OK) {
		size_t used;

		if (!parse->known)
			used = line_start(parse, p, n);
		else if (parse->part == PART_HEADER)
			used = header_rest(parse, p, n);
		else
			used = body_rest(parse, p, n);
		parse->offset += used;
		p += used;
		n -= used;
	}
	return parse->result;
}

enum mbox_parse_result
mbox_parse_finish(struct mbox_parse *parse)
{
	if (parse->result == MBOX_PARSE_OK && parse->len > 0)
		line_decide(parse, true);
	if (parse->result == MBOX_PARSE_OK && parse->part != PART_FIRST)
		message_end(parse, parse->offset);
	return parse->result;
}
