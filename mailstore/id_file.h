/*
 * The file of unique-ids: ids that messages were given once and cannot be computed from
 * them again, because another server gave them or because two messages are alike.
 *
 * Unlike the index this file matters: it is written whole under another name, synced and
 * renamed.  That it is there at all says that other servers' ids were looked for, so that
 * no list that appears later changes ids that clients know already.
 *
 *	pop3d-uidl 1
 *	KEY ID
 *	...
 *	 end COUNT
 *
 * KEY names the message in the driver's way; octets outside 0x21-0x7E and '%' are written
 * as %XX.  Of lines with one key, the first is the first message's, and so on.
 */
#ifndef ID_FILE_H
#define ID_FILE_H

#include <stdbool.h>
#include <stddef.h>

#include "mailstore/mailstore.h"

#define ID_FILE_KEY_MAX 255u /* octets of a key, unencoded */

struct id_record {
	const char *key; /* unencoded, without a NUL */
	const char *id;  /* 1 to 70 octets 0x21-0x7E */
	size_t serial;   /* order of adding */
};

/* Start with zeroed memory. */
struct id_file {
	struct id_record *records; /* sorted by key, those of one key as in the file */
	size_t count, cap;
	struct id_chunk *chunks; /* storage of texts */
	size_t chunk_used;
	size_t most;  /* records that are taken of a text, see id_file_parse() */
	bool present; /* the file is there */
	bool damaged; /* but not all of it made sense */
};

/*
 * Read the text of a file, sorted; lines that make no sense are left out, and those that
 * are more than file->most.  False: no memory.
 */
bool id_file_parse(struct id_file *file, const char *text, size_t n);

/*
 * Read the file `name`, which must be a regular file of ours.  MAIL_OK with
 * file->present false: there is none.  MAIL_TEMP is logged.
 */
enum mail_status id_file_read(struct id_file *file, int dirfd, const char *name,
	const struct mail_options *options);

/* Add a record at the end, with copies of the texts.  False: out of memory. */
bool id_file_add(struct id_file *file, const char *key, const char *id);

/* Give the first record with this key another id.  False: out of memory, or no record. */
bool id_file_replace(struct id_file *file, const char *key, const char *id);

/*
 * Add the records of `more` whose keys are not in the file; both are sorted then.  False:
 * out of memory.
 */
bool id_file_merge(struct id_file *file, struct id_file *more);

/* To be called after adding, before id_file_find(). */
void id_file_sort(struct id_file *file);

/* The first record with this key; those that follow it may have the same. */
const struct id_record *id_file_find(const struct id_file *file, const char *key);

/* The record behind this one if it has the same key, else NULL. */
const struct id_record *id_file_next(
	const struct id_file *file, const struct id_record *record);

/*
 * Write all records durably to `name`, by way of `fresh`.  The caller holds the session
 * lock.  False with errno: the old file stands, or it is not sure that the new one will.
 */
bool id_file_write(
	const struct id_file *file, int dirfd, const char *name, const char *fresh);

/* Free all and zero it. */
void id_file_free(struct id_file *file);

#endif
