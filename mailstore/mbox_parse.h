/*
 * Finds the messages of an mbox in its bytes.  Pure: no files, no allocation but its own
 * fixed size.
 *
 * A message begins with a From_ line (mbox_from.h) at the start of the file or right
 * after an empty line, and goes on to the next one.  The one empty line before a From_
 * line, or at the end of the file, separates and is not part of the message.  Empty lines
 * before the first message belong to none.  Content-Length is not looked at, for it lies;
 * quoting (">From") is left as it is.  Lines end with LF or CRLF, may be of any length
 * and may hold NULs.
 */
#ifndef MBOX_PARSE_H
#define MBOX_PARSE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "mailstore/mbox_id.h"

/* Offsets and lengths are those of stored bytes. */
struct mbox_entry {
	uint64_t from;   /* where the From_ line begins */
	uint64_t start;  /* where the message begins: behind the From_ line */
	uint64_t length; /* of the message */
	uint64_t header; /* length of its header, with the empty line that ends it */
	uint64_t octets; /* of the message as sent, see octets.h */
	uint64_t hash;   /* of the From_ line, see mbox_parse_hash() */
	unsigned char id[MBOX_ID_SIZE]; /* see mbox_id.h */
	bool pseudo; /* the first message is c-client's folder data, no mail */
};

enum mbox_parse_result {
	MBOX_PARSE_OK = 0,
	MBOX_PARSE_ALIEN,   /* something else comes before a From_ line */
	MBOX_PARSE_STOPPED, /* by the callback */
};

struct mbox_parse; /* private */

/* Called for each message, in order, when its end is known; false stops the parser. */
typedef bool mbox_parse_found(void *cookie, const struct mbox_entry *entry);

/* NULL if out of memory. */
struct mbox_parse *mbox_parse_new(mbox_parse_found *found, void *cookie);

/*
 * Before anything is fed: the bytes to come are those from offset on, where a From_ line
 * begins and `count` messages have been found already.
 */
void mbox_parse_resume(struct mbox_parse *parse, uint64_t offset, uint64_t count);

/* Feed the next n bytes, in chunks of any size.  Any result but OK is final. */
enum mbox_parse_result mbox_parse_feed(
	struct mbox_parse *parse, const unsigned char *p, size_t n);

/* All bytes are fed: report the last message. */
enum mbox_parse_result mbox_parse_finish(struct mbox_parse *parse);

/* parse may be NULL. */
void mbox_parse_free(struct mbox_parse *parse);

/* What mbox_entry.hash is of the n bytes of a From_ line with its line end. */
uint64_t mbox_parse_hash(const unsigned char *p, size_t n);

#endif
