#include "pop3d/ctl/convert.h"

#include <stdlib.h>
#include <string.h>

#include "mailstore/octets.h"
#include "pop3d/ctl/mailbox_header.h"

#define CHUNK ((size_t)64 * 1024)
#define HEADER_MAX ((size_t)64 * 1024) /* octets of a header that are looked at */

/* What is found out about a message in one reading. */
struct scan {
	SHA2_CTX sha;
	struct octets octets;
	uint64_t stored;
	struct convert_seeker seeker;
};

static bool
scan_add(void *cookie, const unsigned char *p, size_t n)
{
	struct scan *scan = cookie;

	SHA256Update(&scan->sha, p, n);
	octets_add(&scan->octets, p, n);
	scan->stored += n;
	convert_seek(&scan->seeker, p, n);
	return true;
}

static void
head_add(struct convert_head *head, const unsigned char *p, size_t n)
{
	const size_t room = head->cap - head->n;

	if (n > room)
		n = room;
	memcpy(head->p + head->n, p, n);
	head->n += n;
}

enum mail_status
convert_read(struct mailstore *store, size_t i, unsigned form, struct convert_head *head,
	convert_sink *sink, void *cookie, bool *stopped)
{
	static unsigned char chunk[CHUNK];
	struct convert_decoder decoder = {.form = form, .sink = sink, .cookie = cookie};
	struct mail_message *message;
	enum mail_status status = store->ops->message_open(store, i, &message);
	size_t n = 1;

	*stopped = false;
	if (status != MAIL_OK)
		return status;
	while (n > 0 && !*stopped) {
		status = store->ops->message_read(message, chunk, sizeof(chunk), &n);
		if (status != MAIL_OK)
			break;
		if (head != NULL)
			head_add(head, chunk, n);
		*stopped = !convert_decode(&decoder, chunk, n);
	}
	if (status == MAIL_OK && !*stopped)
		*stopped = !convert_decode_end(&decoder);
	store->ops->message_close(message);
	return status;
}

static int
message_fail(const struct convert *c, size_t i, enum mail_status status)
{
	ctl_error("message %zu cannot be read: nothing was converted", i + 1);
	return mailbox_status(c->source, status);
}

int
convert_read_source(
	struct convert *c, size_t i, convert_sink *sink, void *cookie, bool *stopped)
{
	const enum mail_status status = convert_read(
		c->source->store, i, c->items[i].from_form, NULL, sink, cookie, stopped);

	return status == MAIL_OK ? 0 : message_fail(c, i, status);
}

/* What has to be done to it in an mbox, and the From_ line's sender. */
static bool
form_choose(struct convert_item *item, const struct scan *scan,
	const struct convert_head *head)
{
	char sender[CONVERT_SENDER_SIZE];
	const unsigned char *envelope = NULL;
	size_t n = 0;

	if (scan->seeker.found)
		item->to_form |= CONVERT_QUOTED;
	if (!item->ended)
		item->to_form |= CONVERT_CUT;
	if (convert_flags_read(head->p, head->n) != item->flags)
		item->to_form |= CONVERT_FLAGS;
	item->both = convert_flags_both(head->p, head->n);
	if (mailbox_header_find(head->p, head->n, "Return-Path", &envelope, &n) &&
		n > 2 && envelope[0] == '<' && envelope[n - 1] == '>') {
		envelope++;
		n -= 2;
	}
	convert_sender(item->to_form, envelope, n, sender);
	item->sender = strdup(sender);
	return item->sender != NULL;
}

/* The fields that were put there for it say it, or else the message's own. */
static unsigned
flags_find(const struct convert_item *item, const struct convert_head *head)
{
	size_t n = 0;

	if ((item->from_form & CONVERT_FLAGS) != 0)
		n = convert_fields(head->p, head->n);
	return convert_flags_read(head->p, n > 0 ? n : head->n);
}

static enum mail_status
item_fill(struct convert *c, size_t i, struct convert_head *head)
{
	static struct mail_detail detail;
	struct convert_item *item = &c->items[i];
	struct mailstore *store = c->source->store;
	struct scan scan = {.stored = 0};
	enum mail_status status = mail_detail_get(store, i, &detail);
	bool stopped;

	if (status != MAIL_OK)
		return status;
	if (!c->to_maildir)
		item->flags =
			(uint8_t)(detail.flags == 0 ? 0 : detail.flags | MAIL_FLAG_OLD);
	else
		item->from_form = (uint8_t)convert_form(detail.name, detail.name_octets);
	item->delivered = detail.delivered;
	SHA256Init(&scan.sha);
	head->n = 0;
	status = convert_read(store, i, item->from_form, head, scan_add, &scan, &stopped);
	if (status != MAIL_OK)
		return status;
	SHA256Final(item->digest, &scan.sha);
	item->octets = scan.stored;
	item->wire = octets_total(&scan.octets);
	item->ended = scan.stored == 0 || scan.octets.last == '\n';
	if (c->to_maildir)
		item->flags = (uint8_t)flags_find(item, head);
	else if (!form_choose(item, &scan, head))
		return MAIL_TEMP;
	return MAIL_OK;
}

int
convert_scan(struct convert *c)
{
	struct convert_head head = {.p = malloc(HEADER_MAX), .cap = HEADER_MAX};
	const size_t count = c->source->count;
	enum mail_status status = MAIL_OK;
	size_t i;

	c->items = calloc(count > 0 ? count : 1, sizeof(*c->items));
	if (head.p == NULL || c->items == NULL) {
		ctl_error("out of memory");
		free(head.p);
		return EX_TEMPFAIL;
	}
	progress_begin(&c->progress, "reading", count);
	for (i = 0; i < count && status == MAIL_OK; i++) {
		mailbox_keep(c->source);
		status = item_fill(c, i, &head);
		progress_step(&c->progress, i + 1);
	}
	progress_end(&c->progress);
	free(head.p);
	return status == MAIL_OK ? 0 : message_fail(c, i - 1, status);
}

void
convert_items_free(struct convert *c)
{
	for (size_t i = 0; c->items != NULL && i < c->source->count; i++)
		free(c->items[i].sender);
	free(c->items);
	c->items = NULL;
}
