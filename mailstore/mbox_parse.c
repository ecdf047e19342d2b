#include "mailstore/mbox_parse.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "mailstore/mbox_from.h"
#include "mailstore/octets.h"
#include "mailstore/scan.h"

/* Longer than any field name that matters for the id. */
#define NAME_LENGTH 32u

enum part {
	PART_FIRST, /* nothing but a From_ line is right, and empty lines before it */
	PART_HEADER,
	PART_BODY,
};

/* Marks of what c-client keeps in a first message: its folder data. */
enum pseudo {
	PSEUDO_SENDER = 1u << 0,
	PSEUDO_DATA = 1u << 1,
	PSEUDO_SUBJECT = 1u << 2,
	PSEUDO_ALL = PSEUDO_SENDER | PSEUDO_DATA | PSEUDO_SUBJECT,
	PSEUDO_RECEIVED = 1u << 3, /* a mark of mail */
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
	/* Octets of an empty line that may prove to be the separator; 0 for none. */
	size_t held;
	uint64_t count;
	unsigned pseudo;
	struct mbox_entry entry;
	struct octets octets;
	struct mbox_id *id;
};

struct mbox_parse *
mbox_parse_new(mbox_parse_found *found, void *cookie)
{
	struct mbox_parse *parse = calloc(1, sizeof *parse);

	if (parse == NULL)
		return NULL;
	parse->id = mbox_id_new();
	if (parse->id == NULL) {
		free(parse);
		return NULL;
	}
	parse->found = found;
	parse->cookie = cookie;
	return parse;
}

void
mbox_parse_resume(struct mbox_parse *parse, uint64_t offset, uint64_t count)
{
	parse->offset = offset;
	parse->count = count;
}

void
mbox_parse_free(struct mbox_parse *parse)
{
	if (parse != NULL)
		mbox_id_free(parse->id);
	free(parse);
}

uint64_t
mbox_parse_hash(const unsigned char *p, size_t n)
{
	return checksum_short(p, n);
}

static bool
begins_with(const char *line, size_t n, const char *start)
{
	const size_t length = strlen(start);

	return n > length && strncasecmp(line, start, length) == 0;
}

/*
 * All the marks are asked for, and that no mail transport has touched it: a remote sender
 * must not be able to make a mail that nobody sees.
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
	if (begins_with(line, n, "X-IMAP:") || begins_with(line, n, "X-IMAPbase:"))
		parse->pseudo |= PSEUDO_DATA;
	else if (begins_with(line, n, "Received:"))
		parse->pseudo |= PSEUDO_RECEIVED;
	else if (n == sizeof subject - 1 && strncasecmp(line, subject, n) == 0)
		parse->pseudo |= PSEUDO_SUBJECT;
}

/* The message at hand ends before the byte at `end`, and before an empty line there. */
static void
message_end(struct mbox_parse *parse, uint64_t end)
{
	struct mbox_entry *entry = &parse->entry;

	entry->length = end - parse->held - entry->start;
	if (parse->part == PART_HEADER || entry->header > entry->length)
		entry->header = entry->length;
	entry->octets = octets_total(&parse->octets);
	entry->pseudo = parse->count == 0 && parse->pseudo == PSEUDO_ALL;
	mbox_id_end(parse->id, entry->id);
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
	parse->hashing = true;
	mbox_id_begin(parse->id);
	mbox_id_header(parse->id, parse->line, parse->len);
	/* Dovecot writes an underscore. */
	if (parse->count == 0 && (begins_with((const char *)parse->line, parse->len,
					  "From MAILER-DAEMON ") ||
					 begins_with((const char *)parse->line,
						 parse->len, "From MAILER_DAEMON ")))
		parse->pseudo |= PSEUDO_SENDER;
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
	if (parse->part != PART_FIRST) {
		held_release(parse);
		parse->held = parse->len;
	}
	if (parse->part == PART_BODY)
		mbox_id_body(parse->id, parse->line, parse->len, true);
	else if (parse->part == PART_HEADER) {
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
			parse->hashing = !mbox_id_ignores(line, parse->len);
		if (parse->hashing)
			mbox_id_header(parse->id, line, parse->len);
		if (parse->count == 0)
			pseudo_note(parse);
	} else
		mbox_id_body(parse->id, line, parse->len, true);
	octets_add(&parse->octets, line, parse->len);
	parse->known = line[parse->len - 1] != '\n';
	parse->len = 0;
}

/* Whether the line that begins with the n bytes at p may be a From_ line. */
static bool
line_may_be_from(const struct mbox_parse *parse, const unsigned char *p, size_t n)
{
	return (parse->part == PART_FIRST ||
		       (parse->part == PART_BODY && parse->held > 0)) &&
	       memcmp(p, "From ", n < 5 ? n : 5) == 0;
}

/* Whether another byte is needed to say what the line is. */
static bool
line_is_open(const struct mbox_parse *parse)
{
	const unsigned char *line = parse->line;
	size_t n = parse->len;

	if (line[n - 1] == '\n' || n == sizeof parse->line)
		return false;
	if (line_may_be_from(parse, line, n) || (n == 1 && line[0] == '\r'))
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

	if (whole && line_may_be_from(parse, line, n) && mbox_from_valid(line, n))
		message_begin(parse);
	else if (line[n - 1] == '\n' && (n == 1 || (n == 2 && line[0] == '\r')))
		line_empty(parse);
	else if (parse->part == PART_FIRST)
		parse->result = MBOX_PARSE_ALIEN;
	else
		line_text(parse);
}

/*
 * What may be a From_ line is collected as line_is_open() would have it, at less cost for
 * each octet.
 */
static size_t
from_collect(struct mbox_parse *parse, const unsigned char *p, size_t n)
{
	const unsigned char *end;

	if (n > sizeof parse->line)
		n = sizeof parse->line;
	end = memchr(p, '\n', n);
	n = end != NULL ? (size_t)(end - p) + 1 : n;
	memcpy(parse->line, p, n);
	parse->len = n;
	return n;
}

/*
 * Nearly every line of a header is there from end to end, and is taken as it is: no empty
 * line is held back before the body.  Its octets; 0 if it must be collected: it is cut,
 * may be empty, or is one of the first message, where marks of a pseudo one are looked
 * for.
 */
static size_t
header_line(struct mbox_parse *parse, const unsigned char *p, size_t n)
{
	const unsigned char *end;

	if (parse->count == 0 || *p == '\n' || *p == '\r')
		return 0;
	end = memchr(p, '\n', n);
	if (end == NULL)
		return 0;
	n = (size_t)(end - p) + 1;
	if (*p != ' ' && *p != '\t')
		parse->hashing = !mbox_id_ignores(p, n);
	if (parse->hashing)
		mbox_id_header(parse->id, p, n);
	octets_add_seen(&parse->octets, p, n, end[-1] != '\r');
	return n;
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
		if (parse->part == PART_HEADER)
			i = header_line(parse, p, n);
		if (i > 0)
			return i;
		if (line_may_be_from(parse, p, n))
			i = from_collect(parse, p, n);
	}
	while (i < n && (parse->len == 0 || line_is_open(parse)))
		parse->line[parse->len++] = p[i++];
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
		mbox_id_header(parse->id, p, n);
	octets_add_seen(&parse->octets, p, n, end != NULL && end > p && end[-1] != '\r');
	return n;
}

/*
 * Octets of the empty line that ends before p[i], 0 if none does.  The line that p[0] is
 * in has text before.
 */
static size_t
empty_before(const unsigned char *p, size_t i)
{
	if (i < 2 || p[i - 1] != '\n')
		return 0;
	if (p[i - 2] == '\n')
		return 1;
	return i >= 3 && p[i - 2] == '\r' && p[i - 3] == '\n' ? 2 : 0;
}

/*
 * The offset of a line that may be a From_ line, n if there is none; and what was seen on
 * the way.
 */
static size_t
body_candidate(const unsigned char *p, size_t n, struct scan_seen *seen)
{
	size_t i = 0;

	do
		i += scan_text(p + i, n - i, 'F', seen);
	while (i < n && empty_before(p, i) == 0);
	return i;
}

/* Take all up to what may be a From_ line, from the middle of a line of text on. */
static size_t
body_rest(struct mbox_parse *parse, const unsigned char *p, size_t n)
{
	struct scan_seen seen = {0};
	size_t i = body_candidate(p, n, &seen);

	/* The CR of what may become an empty line. */
	if (i == n && n > 1 && p[n - 1] == '\r' && p[n - 2] == '\n')
		i--;
	parse->held = empty_before(p, i);
	parse->known = p[i - 1] != '\n';
	/* Of an empty line that is held back the LF without a CR was counted. */
	octets_add_seen(
		&parse->octets, p, i - parse->held, seen.bare - (parse->held == 1));
	mbox_id_body(parse->id, p, i, seen.cr);
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
