#include "pop3d/ctl/convert.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "mailstore/mbox_date.h"
#include "pop3d/ctl/writer.h"

/* What stands before and behind the bytes of a message. */
struct encoder {
	struct writer *writer;
	struct convert_quote quote;
	bool quoted;
};

static bool
encoder_put(void *cookie, const unsigned char *p, size_t n)
{
	struct encoder *encoder = cookie;

	if (!encoder->quoted)
		return writer_put(encoder->writer, p, n);
	return convert_quote_feed(&encoder->quote, p, n, writer_put, encoder->writer);
}

static bool
text_put(struct writer *writer, const char *text, size_t n)
{
	return writer_put(writer, (const unsigned char *)text, n);
}

static bool
item_begin(struct writer *writer, const struct convert_item *item)
{
	char date[MBOX_DATE_SIZE], fields[64];
	char line[CONVERT_SENDER_SIZE + MBOX_DATE_SIZE + 16];
	int n;

	mbox_date_write(item->delivered, date);
	n = snprintf(line, sizeof(line), "From %s %s\n", item->sender, date);
	if (n < 0 || (size_t)n >= sizeof(line) || !text_put(writer, line, (size_t)n))
		return false;
	if ((item->to_form & CONVERT_FLAGS) == 0)
		return true;
	return text_put(
		writer, fields, convert_flags_write(item->flags, item->both, fields));
}

/* *wrote is false if writing failed, with errno. */
static int
item_write(struct convert *c, size_t i, struct writer *writer, bool *wrote)
{
	const struct convert_item *item = &c->items[i];
	struct encoder encoder = {
		.writer = writer, .quoted = (item->to_form & CONVERT_QUOTED) != 0};
	bool stopped = false;
	int status = 0;

	*wrote = item_begin(writer, item);
	if (*wrote)
		status = convert_read_source(c, i, encoder_put, &encoder, &stopped);
	*wrote = *wrote && status == 0 && !stopped &&
		 (!encoder.quoted ||
			 convert_quote_end(&encoder.quote, writer_put, writer)) &&
		 text_put(writer, "\n\n", item->ended ? 1 : 2);
	return status;
}

static int
items_write(struct convert *c, struct writer *writer)
{
	const size_t count = c->source->count;
	bool wrote = true;
	int status = 0;

	progress_begin(&c->progress, "writing", count);
	for (size_t i = 0; i < count && status == 0 && wrote; i++) {
		mailbox_keep(c->source);
		status = item_write(c, i, writer, &wrote);
		progress_step(&c->progress, i + 1);
	}
	progress_end(&c->progress);
	if (status == 0 && (!wrote || !writer_flush(writer) || fsync(writer->fd) != 0))
		status = convert_fail(c, "write the mbox");
	return status;
}

int
convert_build_mbox(struct convert *c)
{
	struct writer *writer = malloc(sizeof(*writer));
	int status;

	if (writer == NULL)
		return convert_fail(c, "write the mbox");
	writer->n = 0;
	writer->fd = -1;
	if (unlinkat(c->work, "mbox", 0) == 0 || errno == ENOENT)
		writer->fd = openat(c->work, "mbox",
			O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	status = writer->fd < 0 ? convert_fail(c, "make the mbox")
				: items_write(c, writer);
	if (writer->fd >= 0 && close(writer->fd) != 0 && status == 0)
		status = convert_fail(c, "close the mbox");
	free(writer);
	return status;
}
