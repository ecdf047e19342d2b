/*
 * `pop3ctl mailbox convert`: what its parts share.
 *
 * The destination is built in a directory of its own beside it,
 * PARENT/.pop3d-convert-NAME, read back through the driver that will serve it, compared
 * with the source by hash, and renamed into place.  A run that was cut short leaves that
 * directory.  The next one goes on with a Maildir: the name of each file follows from the
 * number, the date and the bytes of its message, and a file gets it when it is whole.  An
 * mbox is begun again.
 */
#ifndef CTL_CONVERT_H
#define CTL_CONVERT_H

#include <limits.h>
#include <sha256.h>
#include <stdbool.h>
#include <stdint.h>

#include "mailstore/detail.h"
#include "pop3d/ctl/convert_codec.h"
#include "pop3d/ctl/mailbox.h"
#include "pop3d/ctl/progress.h"

/* A message of the source. */
struct convert_item {
	unsigned char digest[SHA256_DIGEST_LENGTH]; /* of the message itself */
	uint64_t octets;                            /* as stored */
	uint64_t wire;                              /* as sent, see octets.h */
	int64_t delivered;
	char *sender;      /* for a From_ line, owned; NULL for a Maildir */
	uint8_t from_form; /* what was done to it in the source */
	uint8_t to_form;   /* what is to be done in the destination */
	uint8_t flags;
	bool both;  /* see convert_flags_write() */
	bool ended; /* its last line has a line end, or it is empty */
};

struct convert {
	struct mailbox *source;
	struct mail_location to;
	bool to_maildir;
	struct convert_item *items; /* source->count of them */
	struct progress progress;
	int parent; /* where the destination will be */
	char name[NAME_MAX + 1];
	char work_name[NAME_MAX + 1];
	int work;    /* the directory it is built in; -1: there is none yet */
	bool locked; /* and it is ours alone */
};

/* The name of what is built, in the directory where it is. */
#define CONVERT_BUILT(c) ((c)->to_maildir ? "Maildir" : "mbox")

/*
 * Each function returns 0 or an exit status, and has said what is wrong then.
 */

/* convert_source.c: reading. */

/* All messages, once: fill in c->items. */
int convert_scan(struct convert *c);

/*
 * Read message i of a store and undo `form`.  head, if not NULL, gets its first octets as
 * they are stored.  *stopped says that the sink did not want to go on.
 */
struct convert_head {
	unsigned char *p;
	size_t cap, n;
};
enum mail_status convert_read(struct mailstore *store, size_t i, unsigned form,
	struct convert_head *head, convert_sink *sink, void *cookie, bool *stopped);

/* The same of the source. */
int convert_read_source(
	struct convert *c, size_t i, convert_sink *sink, void *cookie, bool *stopped);

void convert_items_free(struct convert *c);

/* convert_work.c: where it is built. */

/* See that the destination may come to be, and open its parent. */
int convert_work_check(struct convert *c);

/* If a directory that a run has left has nothing built in it, let it be removed. */
void convert_work_sweep(struct convert *c);

/* Make the directory, or open the one that is left of another run. */
int convert_work_open(struct convert *c);

/* Rename into place, durably. */
int convert_work_commit(struct convert *c);

/* Remove what must not stay: with `keep`, a Maildir does stay, for the next run. */
void convert_work_close(struct convert *c, bool keep);

/* Say that building failed with errno. */
int convert_fail(const struct convert *c, const char *what);

/* convert_maildir.c, convert_mbox.c: building. */

int convert_build_maildir(struct convert *c);
int convert_build_mbox(struct convert *c);

/* The number of the message that a file of the Maildir being built has; false: of none.
 */
bool convert_maildir_number(const struct convert *c, const char *file, size_t *i);

/* convert_verify.c: seeing that it is right. */

/*
 * Read all back.  *again says that files of the Maildir were wrong and are removed, so
 * that they should be built again.
 */
int convert_verify(struct convert *c, bool *again);

#endif
