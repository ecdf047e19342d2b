#include "pop3d/ctl/convert_codec.h"

#include <stdio.h>
#include <string.h>

#include "mailstore/detail.h"
#include "pop3d/ctl/mailbox_header.h"

static const unsigned char from[] = "From ";
#define FROM_OCTETS (sizeof(from) - 1)

#define SECOND "X-Status: " /* how the second field of flags begins */

static const struct {
	const char *word;
	unsigned form;
} forms[] = {
	{"+quoted", CONVERT_QUOTED},
	{"+cut", CONVERT_CUT},
	{"+flags", CONVERT_FLAGS},
};
#define FORMS (sizeof(forms) / sizeof(forms[0]))

/* One more or one less than were held back, if the line is of those that count. */
static bool
held_release(struct convert_quote *quote, convert_sink *sink, void *cookie)
{
	static const unsigned char arrows[] = ">>>>>>>>>>>>>>>>>>>>>>>>>>>>>>>>";
	const bool whole = quote->matched == FROM_OCTETS;
	uint64_t left = quote->arrows;
	bool good = true;

	if (whole && quote->undo && left > 0)
		left--;
	else if (whole && !quote->undo)
		left++;
	while (good && left > 0) {
		const size_t n =
			left < sizeof(arrows) - 1 ? (size_t)left : sizeof(arrows) - 1;

		good = sink(cookie, arrows, n);
		left -= n;
	}
	if (good && quote->matched > 0)
		good = sink(cookie, from, quote->matched);
	quote->arrows = 0;
	quote->matched = 0;
	return good;
}

/* Hold the byte back, if the line may still be one that counts. */
static bool
byte_hold(struct convert_quote *quote, unsigned char c)
{
	if (quote->matched == 0 && c == '>')
		quote->arrows++;
	else if (quote->matched < FROM_OCTETS && c == from[quote->matched])
		quote->matched++;
	else
		return false;
	return true;
}

bool
convert_quote_feed(struct convert_quote *quote, const unsigned char *p, size_t n,
	convert_sink *sink, void *cookie)
{
	while (n > 0) {
		const unsigned char *end;
		size_t length;

		if (!quote->inside && byte_hold(quote, *p)) {
			p++;
			n--;
			if (quote->matched < FROM_OCTETS)
				continue;
			quote->inside = true;
			if (!held_release(quote, sink, cookie))
				return false;
			continue;
		}
		if (!quote->inside && !held_release(quote, sink, cookie))
			return false;
		end = memchr(p, '\n', n);
		length = end == NULL ? n : (size_t)(end - p) + 1;
		if (!sink(cookie, p, length))
			return false;
		quote->inside = end == NULL;
		p += length;
		n -= length;
	}
	return true;
}

bool
convert_quote_end(struct convert_quote *quote, convert_sink *sink, void *cookie)
{
	return held_release(quote, sink, cookie);
}

static bool
line_is(const unsigned char *p, size_t n, const char *name)
{
	return n >= strlen(name) && memcmp(p, name, strlen(name)) == 0;
}

size_t
convert_fields(const unsigned char *p, size_t n)
{
	const unsigned char *end = memchr(p, '\n', n);
	size_t length;

	if (end == NULL || !line_is(p, n, "Status: "))
		return 0;
	length = (size_t)(end - p) + 1;
	end = memchr(p + length, '\n', n - length);
	if (end != NULL && line_is(p + length, n - length, SECOND))
		length = (size_t)(end - p) + 1;
	return length;
}

/* What is behind the fields: the end is held back if it may have to go. */
static bool
body_pass(struct convert_decoder *decoder, const unsigned char *p, size_t n)
{
	static const unsigned char line_end = '\n';
	bool last = false;

	if (n == 0)
		return true;
	if ((decoder->form & CONVERT_CUT) != 0) {
		if (decoder->line_end && !decoder->sink(decoder->cookie, &line_end, 1))
			return false;
		last = p[n - 1] == '\n';
		decoder->line_end = last;
	}
	n -= last;
	return n == 0 || decoder->sink(decoder->cookie, p, n);
}

static bool
body_sink(void *cookie, const unsigned char *p, size_t n)
{
	return body_pass(cookie, p, n);
}

static bool
body_feed(struct convert_decoder *decoder, const unsigned char *p, size_t n)
{
	if ((decoder->form & CONVERT_QUOTED) == 0)
		return body_pass(decoder, p, n);
	decoder->quote.undo = true;
	return convert_quote_feed(&decoder->quote, p, n, body_sink, decoder);
}

static bool
head_judge(struct convert_decoder *decoder)
{
	const size_t skip = convert_fields(decoder->head, decoder->head_octets);

	decoder->begun = true;
	return body_feed(decoder, decoder->head + skip, decoder->head_octets - skip);
}

bool
convert_decode(struct convert_decoder *decoder, const unsigned char *p, size_t n)
{
	if ((decoder->form & CONVERT_FLAGS) == 0)
		decoder->begun = true;
	if (!decoder->begun) {
		const size_t room = sizeof(decoder->head) - decoder->head_octets;
		const size_t taken = n < room ? n : room;

		memcpy(decoder->head + decoder->head_octets, p, taken);
		decoder->head_octets += taken;
		p += taken;
		n -= taken;
		if (decoder->head_octets < sizeof(decoder->head))
			return true;
		if (!head_judge(decoder))
			return false;
	}
	return body_feed(decoder, p, n);
}

bool
convert_decode_end(struct convert_decoder *decoder)
{
	if (!decoder->begun && !head_judge(decoder))
		return false;
	return (decoder->form & CONVERT_QUOTED) == 0 ||
	       convert_quote_end(&decoder->quote, body_sink, decoder);
}

void
convert_seek(struct convert_seeker *seeker, const unsigned char *p, size_t n)
{
	while (n > 0 && !seeker->found) {
		if (!seeker->inside && *p == from[seeker->matched]) {
			seeker->matched++;
			seeker->found = seeker->matched == FROM_OCTETS;
			p++;
			n--;
		} else {
			const unsigned char *end = memchr(p, '\n', n);

			seeker->matched = 0;
			seeker->inside = end == NULL;
			n = end == NULL ? 0 : n - (size_t)(end - p) - 1;
			p = end == NULL ? p : end + 1;
		}
	}
}

/* Nothing that could be taken for the date, or for c-client's pseudo message. */
static bool
envelope_is_fit(const unsigned char *p, size_t n)
{
	bool at = false;

	if (n == 0 || n >= CONVERT_SENDER_SIZE ||
		(n >= strlen(CONVERT_SENDER) && line_is(p, n, CONVERT_SENDER)))
		return false;
	for (size_t i = 0; i < n; i++) {
		if (p[i] <= ' ' || p[i] >= 0x7F || strchr("<>\"()\\", p[i]) != NULL)
			return false;
		at = at || p[i] == '@';
	}
	return at;
}

void
convert_sender(unsigned form, const unsigned char *envelope, size_t n,
	char sender[CONVERT_SENDER_SIZE])
{
	int length;

	if (form == 0 && envelope_is_fit(envelope, n)) {
		memcpy(sender, envelope, n);
		sender[n] = '\0';
		return;
	}
	length = snprintf(sender, CONVERT_SENDER_SIZE, "%s", CONVERT_SENDER);
	for (size_t i = 0; i < FORMS && length > 0; i++)
		if ((form & forms[i].form) != 0)
			length += snprintf(sender + length,
				CONVERT_SENDER_SIZE - (size_t)length, "%s",
				forms[i].word);
}

unsigned
convert_form(const char *p, size_t n)
{
	const size_t skip = FROM_OCTETS + strlen(CONVERT_SENDER);
	unsigned form = 0;

	if (n < skip || memcmp(p + FROM_OCTETS, CONVERT_SENDER, skip - FROM_OCTETS) != 0)
		return 0;
	p += skip;
	n -= skip;
	for (size_t i = 0; i < FORMS; i++) {
		const size_t length = strlen(forms[i].word);

		if (n < length || memcmp(p, forms[i].word, length) != 0)
			continue;
		form |= forms[i].form;
		p += length;
		n -= length;
	}
	/* A longer name is not ours. */
	return n > 0 && *p == ' ' ? form : 0;
}

static const struct {
	const char *field;
	char letter;
	unsigned flag;
} letters[] = {
	{"Status", 'R', MAIL_FLAG_SEEN},
	{"Status", 'O', MAIL_FLAG_OLD},
	{"X-Status", 'A', MAIL_FLAG_ANSWERED},
	{"X-Status", 'F', MAIL_FLAG_FLAGGED},
	{"X-Status", 'D', MAIL_FLAG_DELETED},
	{"X-Status", 'T', MAIL_FLAG_DRAFT},
};
#define LETTERS (sizeof(letters) / sizeof(letters[0]))

unsigned
convert_flags_read(const unsigned char *p, size_t n)
{
	const unsigned char *value;
	unsigned flags = 0;
	size_t octets;

	for (size_t i = 0; i < LETTERS; i++)
		if (mailbox_header_find(p, n, letters[i].field, &value, &octets) &&
			memchr(value, letters[i].letter, octets) != NULL)
			flags |= letters[i].flag;
	/* In a Maildir a message that has any flag is one that was seen in a list. */
	return flags == 0 ? 0 : flags | MAIL_FLAG_OLD;
}

/* *empty says that the field has no value. */
static size_t
field_write(const char *name, unsigned flags, char *text, bool *empty)
{
	const size_t start = strlen(name) + 2;
	size_t n = start;

	memcpy(text, name, start - 2);
	memcpy(text + start - 2, ": ", 2);
	for (size_t i = 0; i < LETTERS; i++)
		if (strcmp(letters[i].field, name) == 0 && (flags & letters[i].flag) != 0)
			text[n++] = letters[i].letter;
	*empty = n == start;
	text[n++] = '\n';
	return n;
}

size_t
convert_flags_write(unsigned flags, bool both, char fields[64])
{
	bool empty;
	const size_t first = field_write("Status", flags, fields, &empty);
	const size_t second = field_write("X-Status", flags, fields + first, &empty);

	return empty && !both ? first : first + second;
}

bool
convert_flags_both(const unsigned char *p, size_t n)
{
	return line_is(p, n, SECOND);
}
