/*
 * A mail store in memory for fuzz targets, made of the input, and what it must look like
 * on the wire.  Everything is in this header: a fuzz target is one source file.
 *
 * The input: options, number of messages; for each its length, its faults, its octets.
 */
#ifndef FAKE_STORE_H
#define FAKE_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mailstore/mailstore.h"

#define FAKE_MESSAGES 16u
#define FAKE_UNIQUE 70

/* The first octet of the input. */
enum fake_option {
	FAKE_SMALL_READS = 1u << 0, /* one octet a read */
	FAKE_ODD_READS = 1u << 1,   /* seven */
	FAKE_LONG_UIDS = 1u << 2,
	FAKE_LOAD_FAILS = 1u << 3,
	FAKE_UPDATE_FAILS = 1u << 4,
	FAKE_OCTETS_LIMIT = 1u << 5,
	FAKE_FEW_BAD = 1u << 6,
	FAKE_TOTAL = 1u << 7, /* known without asking for each */
};

/* Of one message; 16 times as many octets with FAKE_LARGE. */
enum fake_fault {
	FAKE_GONE = 1u << 0,
	FAKE_FORBIDDEN = 1u << 1,
	FAKE_SIZE_FAILS = 1u << 2,
	FAKE_OPEN_FAILS = 1u << 3,
	FAKE_READ_FAILS = 1u << 4, /* when all but the last octet was read */
	FAKE_LIES = 1u << 5,       /* about its size */
	FAKE_NO_UID = 1u << 6,
	FAKE_LARGE = 1u << 7,
};

/* With these a message cannot be sent whole. */
#define FAKE_TEARS                                                                       \
	(FAKE_GONE | FAKE_FORBIDDEN | FAKE_SIZE_FAILS | FAKE_OPEN_FAILS |                \
		FAKE_READ_FAILS | FAKE_LIES)

struct fake_text {
	char *p;
	size_t n, cap;
};

struct fake_message {
	struct fake_text stored;
	unsigned faults;
};

static struct {
	struct mailstore store;
	struct fake_message messages[FAKE_MESSAGES];
	size_t count;
	unsigned options;
	bool faulty; /* anything that may make the session say no */
	unsigned loads, updates, closed;
	unsigned char deleted[FAKE_MESSAGES / 8 + 1]; /* of update() */
	/* The message that is open. */
	bool open;
	size_t reading, at;
} fake_store;

static inline void
fake_check(bool good)
{
	if (!good)
		abort();
}

static inline void
fake_text_add(struct fake_text *text, const char *p, size_t n)
{
	if (text->cap - text->n < n) {
		text->cap = 2 * (text->n + n);
		text->p = realloc(text->p, text->cap);
		fake_check(text->p != NULL);
	}
	if (n > 0)
		memcpy(text->p + text->n, p, n);
	text->n += n;
}

static inline bool
fake_text_equal(const struct fake_text *a, const struct fake_text *b)
{
	return a->n == b->n && (a->n == 0 || memcmp(a->p, b->p, a->n) == 0);
}

/* What RETR must send, before dots are stuffed. */
static inline void
fake_wire(size_t i, struct fake_text *wire)
{
	const struct fake_text *stored = &fake_store.messages[i].stored;
	char before = '\n';

	wire->n = 0;
	for (size_t j = 0; j < stored->n; before = stored->p[j++]) {
		if (stored->p[j] == '\n' && before != '\r')
			fake_text_add(wire, "\r", 1);
		fake_text_add(wire, stored->p + j, 1);
	}
	if (before != '\n')
		fake_text_add(wire, "\r\n", 2);
}

static inline uint64_t
fake_octets(size_t i)
{
	struct fake_text wire = {0};
	uint64_t octets;

	fake_wire(i, &wire);
	octets = wire.n;
	free(wire.p);
	return octets;
}

/*
 * What TOP must send.  False if that is not to be looked at: in a header without an end
 * a CR that is its last octet may be part of its last line or of the line end it lacks.
 */
static inline bool
fake_top(size_t i, uint64_t lines, struct fake_text *top)
{
	struct fake_text wire = {0};
	bool in_body = false, ends_in_cr;

	fake_wire(i, &wire);
	top->n = 0;
	for (size_t at = 0; at < wire.n && (!in_body || lines > 0);) {
		size_t n = (size_t)((char *)memchr(wire.p + at, '\n', wire.n - at) -
				    (wire.p + at)) +
			   1;

		if (in_body)
			lines--;
		else if (n == 2)
			in_body = true;
		fake_text_add(top, wire.p + at, n);
		at += n;
	}
	ends_in_cr = wire.n > 2 && wire.p[wire.n - 3] == '\r';
	if (!in_body)
		fake_text_add(top, "\r\n", 2);
	free(wire.p);
	return in_body || !ends_in_cr;
}

static inline void
fake_uid(size_t i, char uid[MAIL_UID_MAX + 1])
{
	bool is_long = (fake_store.options & FAKE_LONG_UIDS) != 0;

	(void)snprintf(uid, MAIL_UID_MAX + 1, "%0*zu", is_long ? FAKE_UNIQUE : 1, i + 1);
}

static enum mail_status
fake_load(struct mailstore *store, size_t *count)
{
	fake_check(store == &fake_store.store && fake_store.closed == 0);
	fake_store.loads++;
	if ((fake_store.options & FAKE_LOAD_FAILS) != 0)
		return MAIL_TEMP;
	*count = fake_store.count;
	return MAIL_OK;
}

static unsigned
fake_faults(const struct mailstore *store, size_t i)
{
	fake_check(store == &fake_store.store && fake_store.closed == 0);
	fake_check(fake_store.loads > 0 && i < fake_store.count);
	return fake_store.messages[i].faults;
}

static enum mail_status
fake_size(struct mailstore *store, size_t i, uint64_t *octets)
{
	unsigned faults = fake_faults(store, i);

	if ((faults & FAKE_GONE) != 0)
		return MAIL_GONE;
	if ((faults & FAKE_FORBIDDEN) != 0)
		return MAIL_PERM;
	if ((faults & FAKE_SIZE_FAILS) != 0)
		return MAIL_TEMP;
	*octets = fake_octets(i) + ((faults & FAKE_LIES) != 0 ? 1 : 0);
	return MAIL_OK;
}

static enum mail_status
fake_get_uid(struct mailstore *store, size_t i, char uid[MAIL_UID_MAX + 1])
{
	if ((fake_faults(store, i) & FAKE_NO_UID) != 0)
		return MAIL_GONE;
	fake_uid(i, uid);
	return MAIL_OK;
}

static enum mail_status
fake_message_open(struct mailstore *store, size_t i, struct mail_message **message)
{
	/* One at a time. */
	fake_check(!fake_store.open);
	if ((fake_faults(store, i) & FAKE_OPEN_FAILS) != 0)
		return MAIL_GONE;
	fake_store.open = true;
	fake_store.reading = i;
	fake_store.at = 0;
	*message = (struct mail_message *)(void *)&fake_store;
	return MAIL_OK;
}

static enum mail_status
fake_message_read(struct mail_message *message, void *buf, size_t cap, size_t *n)
{
	const struct fake_message *m = &fake_store.messages[fake_store.reading];

	fake_check((void *)message == (void *)&fake_store && fake_store.open && cap > 0);
	*n = m->stored.n - fake_store.at;
	if ((fake_store.options & FAKE_ODD_READS) != 0 && *n > 7)
		*n = 7;
	if ((fake_store.options & FAKE_SMALL_READS) != 0 && *n > 1)
		*n = 1;
	if (*n > cap)
		*n = cap;
	if ((m->faults & FAKE_READ_FAILS) != 0 && fake_store.at + *n >= m->stored.n)
		return MAIL_TEMP;
	if (*n > 0)
		memcpy(buf, m->stored.p + fake_store.at, *n);
	fake_store.at += *n;
	return MAIL_OK;
}

static void
fake_message_close(struct mail_message *message)
{
	fake_check((void *)message == (void *)&fake_store && fake_store.open);
	fake_store.open = false;
}

static enum mail_status
fake_keep(struct mailstore *store)
{
	fake_check(store == &fake_store.store && fake_store.closed == 0);
	return MAIL_OK;
}

static enum mail_status
fake_update(struct mailstore *store, const unsigned char *deleted, size_t *removed)
{
	fake_check(store == &fake_store.store && fake_store.loads > 0);
	fake_check(!fake_store.open && fake_store.closed == 0);
	fake_store.updates++;
	memcpy(fake_store.deleted, deleted, fake_store.count / 8 + 1);
	*removed = 0;
	for (size_t i = 0; i < fake_store.count; i++)
		*removed += (deleted[i / 8] & 1u << i % 8) != 0;
	return (fake_store.options & FAKE_UPDATE_FAILS) != 0 ? MAIL_TEMP : MAIL_OK;
}

static bool
fake_total(struct mailstore *store, uint64_t *octets)
{
	fake_check(store == &fake_store.store);
	*octets = 0;
	for (size_t i = 0; i < fake_store.count; i++) {
		if (fake_store.messages[i].faults != 0)
			return false;
		*octets += fake_octets(i);
	}
	return (fake_store.options & FAKE_TOTAL) != 0;
}

static void
fake_close(struct mailstore *store)
{
	fake_check(store == &fake_store.store && !fake_store.open);
	fake_store.closed++;
	fake_check(fake_store.closed == 1);
}

static const struct mailstore_ops fake_ops = {
	.name = "fake",
	.keep = fake_keep,
	.load = fake_load,
	.total = fake_total,
	.octets = fake_size,
	.uid = fake_get_uid,
	.message_open = fake_message_open,
	.message_read = fake_message_read,
	.message_close = fake_message_close,
	.update = fake_update,
	.close = fake_close,
};

/* Make a store of the input; returns how much of it was for that. */
static inline size_t
fake_store_read(const uint8_t *data, size_t size)
{
	size_t at = 2;

	memset(&fake_store, 0, sizeof(fake_store));
	if (size < at)
		return size;
	fake_store.store.ops = &fake_ops;
	fake_store.options = data[0];
	fake_store.faulty = (data[0] & (FAKE_LOAD_FAILS | FAKE_OCTETS_LIMIT)) != 0;
	fake_store.count = data[1] % (FAKE_MESSAGES + 1);
	for (size_t i = 0; i < fake_store.count; i++) {
		struct fake_message *m = &fake_store.messages[i];
		size_t n = size - at >= 2 ? data[at] : 0;

		if (size - at < 2) {
			fake_store.count = i;
			break;
		}
		m->faults = data[at + 1];
		at += 2;
		if (n > size - at)
			n = size - at;
		for (unsigned j = 0; j < ((m->faults & FAKE_LARGE) != 0 ? 16u : 1u); j++)
			fake_text_add(&m->stored, (const char *)data + at, n);
		at += n;
		if ((m->faults & (FAKE_TEARS | FAKE_NO_UID)) != 0)
			fake_store.faulty = true;
	}
	return at;
}

static inline void
fake_store_free(void)
{
	for (size_t i = 0; i < FAKE_MESSAGES; i++)
		free(fake_store.messages[i].stored.p);
}

#endif
