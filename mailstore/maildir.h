/*
 * What the files of the Maildir driver share; the driver's face is mailstore_maildir in
 * mailstore.h.
 *
 * A Maildir is served as new/ and cur/ hold it: nothing is written before the UPDATE
 * state but the session lock.
 */
#ifndef MAILDIR_H
#define MAILDIR_H

#include <stdbool.h>
#include <stddef.h>

#include "mailstore/maildir_list.h"
#include "mailstore/mailstore.h"

struct maildir {
	struct mailstore store; /* first: the driver's functions get a pointer to it */
	const struct mail_options *options;
	char *path;             /* for the log */
	int dirs[MAILDIR_SUBS]; /* new and cur; -1 if there is no Maildir yet */
	int lock;
	unsigned refused; /* messages whose compressed files cannot be served */
	struct maildir_list list;
	unsigned char *buffer;         /* for counting octets; NULL until it is needed */
	char (*ids)[MAIL_UID_MAX + 1]; /* all unique-ids, where some needed a suffix */
	bool ids_checked;
	bool message_logged; /* one line a session about messages that cannot be read */
};

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
void maildir_message_close(struct mail_message *message);
enum mail_status maildir_update(
	struct mailstore *store, const unsigned char *deleted, size_t *removed);

#endif
