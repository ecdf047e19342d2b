/*
 * What the files of the Maildir driver share; the driver's face is mailstore_maildir in
 * mailstore.h.
 *
 * A Maildir is served as new/ and cur/ hold it: no mail is touched before the UPDATE
 * state.  Beside the mail stand the session lock, the index (index.h) and the file of
 * unique-ids (id_file.h).
 */
#ifndef MAILDIR_H
#define MAILDIR_H

#include <stdbool.h>
#include <stddef.h>

#include "mailstore/id_file.h"
#include "mailstore/index.h"
#include "mailstore/maildir_list.h"
#include "mailstore/mailstore.h"
#include "mailstore/session_lock.h"

/* Dot files: no program takes them for messages or folders of Maildir++. */
#define MAILDIR_IDS ".pop3d-uidl"
#define MAILDIR_IDS_FRESH ".pop3d-uidl-new"

/* Below this, to read a message costs no more than to look whether its name is right. */
#define MAILDIR_CLAIM_MIN 65536u

/* How fast messages are read, see maildir_ahead.h. */
struct maildir_pace {
	int64_t begun; /* nanoseconds */
	unsigned slow; /* slow messages, less the fast ones since */
};

struct maildir {
	struct mailstore store; /* first: the driver's functions get a pointer to it */
	const struct mail_options *options;
	char *path;             /* for the log */
	int root;               /* the Maildir itself; -1 if there is none yet */
	int dirs[MAILDIR_SUBS]; /* new and cur, likewise */
	struct session_lock lock;
	bool listed; /* list holds the messages; until then the index stands for it */
	struct maildir_list list;
	struct index index;        /* of an earlier session */
	unsigned char *index_body; /* entries may point into it; NULL: not read */
	bool spoiled;              /* the index told something wrong */
	bool learned; /* something worth keeping is known that the index does not have */
	unsigned char *buffer; /* for counting octets; NULL until it is needed */
	struct id_file ids;    /* entries may point into it */
	bool ids_settled;
	bool message_logged; /* one line a session about messages that cannot be read */
	size_t counted;      /* messages that had to be read for their octets */
	uint64_t counted_octets;
	struct maildir_pace pace;
	unsigned refused; /* messages whose compressed files cannot be served */
};

/* maildir_known.c: what the index spares reading; see mailstore_ops. */
enum mail_status maildir_load(struct mailstore *store, size_t *count);
bool maildir_total(struct mailstore *store, uint64_t *octets);
enum mail_status maildir_known_octets(
	struct mailstore *store, size_t i, uint64_t *octets);
enum mail_status maildir_known_open(
	struct mailstore *store, size_t i, struct mail_message **message);
enum mail_status maildir_known_update(
	struct mailstore *store, const unsigned char *deleted, size_t *removed);

/*
 * See that list holds the messages.  MAIL_CHANGED: the index lied about how many there
 * are, and the client has been told.
 */
enum mail_status maildir_need(struct maildir *m);

/* maildir_index.c: the index. */

/* Open it.  True: the Maildir is as it was, so that m->index stands for the list. */
bool maildir_index_open(struct maildir *m);

/* Remove what a session that died may have left half-written. */
void maildir_index_sweep(const struct maildir *m);

/* Fill the list from the index.  False: it is damaged, the list is empty. */
bool maildir_index_list(struct maildir *m);

/* Of the messages that an outdated index knows too, take over what it knows. */
void maildir_index_carry(struct maildir *m);

/* Keep what was learned for the next session. */
void maildir_index_save(struct maildir *m);

/* maildir_claim.c: sizes that names claim. */

/*
 * Take the octets of message i from its name (",S=" and ",W="), if the file is as large
 * as that says.  False: it has to be counted.
 */
bool maildir_claim(struct maildir *m, size_t i);

/* maildir_ids.c: unique-ids that do not come from the names. */

/* See that entries[].uid is what it should be, for all messages. */
enum mail_status maildir_ids_settle(struct maildir *m);

/* maildir_xuidl.c: the id in the field X-UIDL of message i; "" if there is none. */
enum mail_status maildir_header_uid(
	struct maildir *m, size_t i, char uid[MAIL_UID_MAX + 1]);

/* The unique-id that the name of message i makes. */
void maildir_own_uid(const struct maildir *m, size_t i, char uid[MAIL_UID_MAX + 1]);

/* Log one line: the path, what failed, the text for an errno. */
void maildir_log(const struct maildir *m, int priority, const char *what, int error);

/* The same about message i. */
void maildir_log_message(
	const struct maildir *m, int priority, size_t i, const char *what, int error);

/* The status for the errno of a failed system call on the maildrop. */
enum mail_status maildir_errno_status(int error);

/* Functions of struct mailstore_ops. */
enum mail_status maildir_uid(
	struct mailstore *store, size_t i, char uid[MAIL_UID_MAX + 1]);
enum mail_status maildir_octets(struct mailstore *store, size_t i, uint64_t *octets);
enum mail_status maildir_message_open(
	struct mailstore *store, size_t i, struct mail_message **message);
enum mail_status maildir_message_read(
	struct mail_message *message, void *buf, size_t cap, size_t *n);
bool maildir_message_as_is(struct mail_message *message, int *fd, uint64_t *octets);
void maildir_message_close(struct mail_message *message);
/* maildir_age.c */
enum mail_status maildir_older(
	struct mailstore *store, int64_t time, unsigned char *bits);
enum mail_status maildir_update(
	struct mailstore *store, const unsigned char *deleted, size_t *removed);

#endif
