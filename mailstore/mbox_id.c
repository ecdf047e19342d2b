#include "mailstore/mbox_id.h"

#include <sha256.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* No library to link: a connection pays for each one. */
#define XXH_INLINE_ALL
#include <xxhash.h>

struct mbox_id {
	XXH3_state_t body;
	SHA2_CTX header;
	uint64_t lines; /* line ends held back: nothing may follow them in the body */
	bool cr;        /* a CR is held back: an LF may follow */
};

struct mbox_id *
mbox_id_new(void)
{
	/* XXH3 wants an alignment that malloc does not promise. */
	return aligned_alloc(_Alignof(struct mbox_id), sizeof(struct mbox_id));
}

void
mbox_id_free(struct mbox_id *id)
{
	free(id);
}

void
mbox_id_begin(struct mbox_id *id)
{
	SHA256Init(&id->header);
	(void)XXH3_128bits_reset(&id->body);
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
			SHA256Update(&id->header, &cr, 1);
		next = memchr(p, '\r', (size_t)(end - p));
		id->cr = next != NULL;
		if (next == NULL)
			next = end;
		SHA256Update(&id->header, p, (size_t)(next - p));
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

		(void)XXH3_128bits_update(&id->body, ends, n);
		id->lines -= n;
	}
	if (id->cr)
		(void)XXH3_128bits_update(&id->body, "\r", 1);
	id->cr = false;
}

/* How many of the n bytes at p, the first of which is no LF, may be added as they are. */
static size_t
plain_length(const unsigned char *p, size_t n)
{
	const unsigned char *cr = memchr(p, '\r', n);

	if (cr != NULL)
		n = (size_t)(cr - p);
	while (n > 0 && p[n - 1] == '\n')
		n--;
	return n;
}

void
mbox_id_body(struct mbox_id *id, const unsigned char *p, size_t n)
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
			used = plain_length(p, n);
			(void)XXH3_128bits_update(&id->body, p, used);
		}
		p += used;
		n -= used;
	}
}

void
mbox_id_end(struct mbox_id *id, unsigned char digest[MBOX_ID_SIZE])
{
	unsigned char hash[SHA256_DIGEST_LENGTH];
	XXH128_canonical_t body;

	if (id->cr)
		held_release(id);
	XXH128_canonicalFromHash(&body, XXH3_128bits_digest(&id->body));
	SHA256Update(&id->header, body.digest, sizeof body.digest);
	SHA256Final(hash, &id->header);
	memcpy(digest, hash, MBOX_ID_SIZE);
}

bool
mbox_id_ignores(const unsigned char *field, size_t n)
{
	/* Delivery has other fields. */
	static const char *const names[] = {
		"Status:", "X-Status:", "X-Keywords:", "X-UID:", "X-UIDL:", "X-IMAP:",
		"X-IMAPbase:", "Content-Length:", "Lines:", "X-Mozilla-"};

	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		const size_t len = strlen(names[i]);

		if (n >= len && strncasecmp((const char *)field, names[i], len) == 0)
			return true;
	}
	return false;
}
