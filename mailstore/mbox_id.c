#include "mailstore/mbox_id.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

struct mbox_id {
	struct checksum *header, *body;
	uint64_t lines; /* line ends held back: nothing may follow them in the body */
	bool cr;        /* a CR is held back: an LF may follow */
};

struct mbox_id *
mbox_id_new(void)
{
	struct mbox_id *id = calloc(1, sizeof *id);

	if (id == NULL)
		return NULL;
	id->header = checksum_new();
	id->body = checksum_new();
	if (id->header != NULL && id->body != NULL)
		return id;
	mbox_id_free(id);
	return NULL;
}

void
mbox_id_free(struct mbox_id *id)
{
	if (id == NULL)
		return;
	checksum_free(id->header);
	checksum_free(id->body);
	free(id);
}

void
mbox_id_begin(struct mbox_id *id)
{
	checksum_begin(id->header, 0);
	checksum_begin(id->body, 0);
	id->lines = 0;
	id->cr = false;
}

void
mbox_id_header(struct mbox_id *id, const unsigned char *p, size_t n)
{
	static const unsigned char cr = '\r';
	const unsigned char *end = p + n, *next;

	while (p < end) {
		if (id->cr && *p != '\n')
			checksum_add(id->header, &cr, 1);
		next = memchr(p, '\r', (size_t)(end - p));
		id->cr = next != NULL;
		if (next == NULL)
			next = end;
		checksum_add(id->header, p, (size_t)(next - p));
		p = id->cr ? next + 1 : end;
	}
}

/* What was held back belongs to the body after all. */
static void
held_release(struct mbox_id *id)
{
	static const char ends[16] = "\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n";

	while (id->lines > 0) {
		const size_t n =
			id->lines < sizeof ends ? (size_t)id->lines : sizeof ends;

		checksum_add(id->body, ends, n);
		id->lines -= n;
	}
	if (id->cr)
		checksum_add(id->body, "\r", 1);
	id->cr = false;
}

/* How many of the n bytes at p, the first of which is no LF, may be added as they are. */
static size_t
plain_length(const unsigned char *p, size_t n, bool may_have_cr)
{
	const unsigned char *cr = may_have_cr ? memchr(p, '\r', n) : NULL;

	if (cr != NULL)
		n = (size_t)(cr - p);
	while (n > 0 && p[n - 1] == '\n')
		n--;
	return n;
}

void
mbox_id_body(struct mbox_id *id, const unsigned char *p, size_t n, bool may_have_cr)
{
	while (n > 0) {
		size_t used = 1;

		if (*p == '\n') {
			id->lines++;
			id->cr = false;
		} else if (*p == '\r') {
			if (id->cr)
				held_release(id);
			id->cr = true;
		} else {
			held_release(id);
			used = plain_length(p, n, may_have_cr);
			checksum_add(id->body, p, used);
		}
		p += used;
		n -= used;
	}
}

void
mbox_id_end(struct mbox_id *id, unsigned char sum[MBOX_ID_SIZE])
{
	unsigned char body[CHECKSUM_SIZE];

	if (id->cr)
		held_release(id);
	checksum_end(id->body, body);
	checksum_add(id->header, body, sizeof body);
	checksum_end(id->header, sum);
}

bool
mbox_id_ignores(const unsigned char *field, size_t n)
{
	/* Delivery has other fields. */
	static const char *const names[] = {
		"Status:", "X-Status:", "X-Keywords:", "X-UID:", "X-UIDL:", "X-IMAP:",
		"X-IMAPbase:", "Content-Length:", "Lines:", "X-Mozilla-"};

	for (size_t i = 0; n > 0 && i < sizeof names / sizeof *names; i++) {
		/* Nearly every field is told at its first letter. */
		if ((field[0] | 0x20) != (names[i][0] | 0x20))
			continue;
		const size_t len = strlen(names[i]);

		if (n >= len && strncasecmp((const char *)field, names[i], len) == 0)
			return true;
	}
	return false;
}
