/*
 * The index of a maildrop: what a session found out about its messages, kept for the
 * next one.  An accelerator only: it may be deleted, torn or replaced at any time, and
 * whatever stands in it is hostile input.
 *
 * A file has a header of fixed size, which alone answers how many messages there are and
 * how many octets in all, and a body whose form is the driver's.  Both carry a checksum.
 * It is replaced by rename, so a reader sees one whole file; it is not synced, since the
 * checksum tells what a power loss left of it.
 */
#ifndef INDEX_H
#define INDEX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

#define INDEX_HEADER 256u
#define INDEX_STAMPS 14u
#define INDEX_UNKNOWN UINT64_MAX /* octets of a maildrop that were not all counted */
#define INDEX_ENTRY_MAX 512u     /* octets of a body for one message, at the most */

enum index_flag {
	/* The stamps cannot hide a change: an equal maildrop is an unchanged one. */
	INDEX_SURE = 1u << 0,
	INDEX_IDS = 1u << 1, /* unique-ids are settled, and in the body */
};

enum index_kind { INDEX_MAILDIR = 1, INDEX_MBOX = 2 };

struct index {
	enum index_kind kind;
	uint64_t count;  /* messages */
	uint64_t octets; /* of all, as sent; or INDEX_UNKNOWN */
	uint64_t extra;  /* the driver's */
	uint32_t flags;  /* mask of enum index_flag */
	/* What the maildrop looked like; the driver's, compared as a whole. */
	uint64_t stamps[INDEX_STAMPS];
	int fd;             /* open for index_body(); -1: none */
	uint64_t body_size; /* octets */
	unsigned char body_hash[16];
};

/*
 * Read the header of the file `name`.  False: there is none, or none that makes sense, or
 * one of more than max_messages; index->fd is -1 then.  Nothing is logged: the caller
 * does without.
 */
bool index_open(struct index *index, enum index_kind kind, int dirfd, const char *name,
	size_t max_messages);

/* The body in memory, index->body_size octets, to be freed.  NULL: torn, or no memory. */
unsigned char *index_body(struct index *index);

/* Close the file.  May be called more than once. */
void index_close(struct index *index);

/*
 * Replace the file `name`, writing to `fresh` first; of the index, fd and what is about
 * the body are set here.  The caller holds the session lock.  False, errno: the old one
 * may be gone.
 */
bool index_write(const struct index *index, const unsigned char *body, size_t n,
	int dirfd, const char *name, const char *fresh);

/* Four stamps that tell a file's state; all zero for st NULL, a file that is missing. */
void index_stamp(uint64_t stamps[4], const struct stat *st);

/*
 * Whether a change right now could leave the time stamps of a file as they are, because
 * its clock has not moved on since.  A server whose clock is off makes this wrong; then
 * only a change within the same tick as an earlier one goes unnoticed.
 */
bool index_stamp_is_fresh(const struct timespec *stamp);

/* Growing memory for a body; start with zeroed memory, free bytes. */
struct index_buffer {
	unsigned char *bytes;
	size_t n, cap;
	bool failed; /* out of memory */
};
void index_put(struct index_buffer *buffer, const void *p, size_t n);
void index_put_number(struct index_buffer *buffer, uint64_t value, size_t octets);

/* Reading a body. */
struct index_cursor {
	const unsigned char *p;
	size_t left;
	bool failed; /* it ended early */
};
/* n octets, or NULL. */
const unsigned char *index_get(struct index_cursor *cursor, size_t n);
uint64_t index_get_number(struct index_cursor *cursor, size_t octets);

#endif
