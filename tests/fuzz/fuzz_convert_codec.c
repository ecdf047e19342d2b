/*
 * Messages on their way into an mbox and out again, as anybody who sends mail may write
 * them.  The first two octets say in which chunks and whether there are flags; the rest
 * is a message.  What comes out is what went in, and no other message begins in between.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "mailstore/mbox_parse.h"
#include "pop3d/ctl/convert_codec.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct bytes {
	unsigned char *p;
	size_t n;
};

static void
require(bool holds)
{
	if (!holds)
		abort();
}

static bool
bytes_add(void *cookie, const unsigned char *p, size_t n)
{
	struct bytes *bytes = cookie;
	unsigned char *grown = realloc(bytes->p, bytes->n + n + 1);

	require(grown != NULL);
	bytes->p = grown;
	memcpy(grown + bytes->n, p, n);
	bytes->n += n;
	return true;
}

static void
text_add(struct bytes *bytes, const char *text)
{
	(void)bytes_add(bytes, (const unsigned char *)text, strlen(text));
}

static size_t
chunk(size_t step, size_t left)
{
	return step < left ? step : left;
}

/* As convert_mbox.c writes it; returns what was done. */
static unsigned
encode(const struct bytes *message, size_t step, unsigned flags, struct bytes *stored)
{
	struct convert_seeker seeker = {.inside = false};
	struct convert_quote quote = {.undo = false};
	char fields[64], sender[CONVERT_SENDER_SIZE];
	const bool ended = message->n == 0 || message->p[message->n - 1] == '\n';
	unsigned form = ended ? 0 : CONVERT_CUT;

	for (size_t i = 0; i < message->n; i += step)
		convert_seek(&seeker, message->p + i, chunk(step, message->n - i));
	form |= seeker.found ? CONVERT_QUOTED : 0;
	form |= convert_flags_read(message->p, message->n) != flags ? CONVERT_FLAGS : 0;
	convert_sender(form, (const unsigned char *)"a@b", 3, sender);
	text_add(stored, "From ");
	text_add(stored, sender);
	text_add(stored, " Mon Jan  1 00:00:00 2024\n");
	if ((form & CONVERT_FLAGS) != 0)
		(void)bytes_add(stored, (const unsigned char *)fields,
			convert_flags_write(flags,
				convert_flags_both(message->p, message->n), fields));
	for (size_t i = 0; i < message->n; i += step) {
		const size_t n = chunk(step, message->n - i);

		if (seeker.found)
			(void)convert_quote_feed(
				&quote, message->p + i, n, bytes_add, stored);
		else
			(void)bytes_add(stored, message->p + i, n);
	}
	(void)convert_quote_end(&quote, bytes_add, stored);
	text_add(stored, ended ? "\n" : "\n\n");
	return form;
}

struct found {
	size_t n;
	struct mbox_entry entry;
};

static bool
entry_found(void *cookie, const struct mbox_entry *entry)
{
	struct found *found = cookie;

	found->n++;
	found->entry = *entry;
	return true;
}

static void
check(const struct bytes *message, size_t step, unsigned flags)
{
	struct bytes stored = {.p = NULL}, back = {.p = NULL};
	const unsigned form = encode(message, step, flags, &stored);
	struct convert_decoder decoder = {
		.form = form, .sink = bytes_add, .cookie = &back};
	struct found found = {.n = 0};
	struct mbox_parse *parse = mbox_parse_new(entry_found, &found);
	const struct mbox_entry *entry = &found.entry;

	require(parse != NULL);
	require(mbox_parse_feed(parse, stored.p, stored.n) == MBOX_PARSE_OK);
	require(mbox_parse_finish(parse) == MBOX_PARSE_OK);
	mbox_parse_free(parse);
	require(found.n == 1 && !entry->pseudo);
	require(convert_form((const char *)stored.p, (size_t)entry->start) == form);
	for (size_t i = 0; i < entry->length; i += step)
		require(convert_decode(&decoder, stored.p + entry->start + i,
			chunk(step, (size_t)entry->length - i)));
	require(convert_decode_end(&decoder));
	require(back.n == message->n);
	require(back.n == 0 || memcmp(back.p, message->p, back.n) == 0);
	free(stored.p);
	free(back.p);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bytes message = {.p = NULL};

	if (size < 2)
		return 0;
	(void)bytes_add(&message, data + 2, size - 2);
	check(&message, (size_t)data[0] + 1, data[1] & 63u);
	free(message.p);
	return 0;
}
