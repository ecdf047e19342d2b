/*
 * `pop3ctl mailbox`: what its commands share.
 *
 * A maildrop is found as root and opened as its owner.  From mailbox_find() on the
 * process is that user, for good: whatever a hostile maildrop makes a command do, it does
 * with the rights of the one who owns it.
 */
#ifndef CTL_MAILBOX_H
#define CTL_MAILBOX_H

#include <stdbool.h>
#include <stddef.h>
#include <sysexits.h>

#include "auth/auth_module.h"
#include "mailstore/location.h"
#include "pop3d/ctl/ctl.h"
#include "pop3d/service.h"

/* Start with zeroed memory. */
struct mailbox {
	struct config *config;
	struct service service;
	struct auth_identity identity;
	struct mail_location location;
	struct mail_options options;
	struct mailstore *store; /* NULL until mailbox_open() */
	size_t count;            /* of messages */
};

/*
 * Read the configuration, find the maildrop that `target` names (a location with its
 * driver's name before a ':', or else a user) and become its owner.  There must be one,
 * as far as root, or the owner, can see.  Returns 0 or an exit status, and has said then
 * what is wrong.  mailbox_close() must follow in either case.
 */
int mailbox_find(
	struct mailbox *m, const struct ctl_context *context, const char *target);

/*
 * Read a location as it was typed: no letter behind a '%' means anything in it, and ~/ is
 * the home of the owner that mailbox_find() has found.
 */
int mailbox_location_read(
	const struct mailbox *m, struct mail_location *location, const char *target);

/* Take the session lock, waiting as a session does; number the messages. */
enum mail_status mailbox_lock(struct mailbox *m);
enum mail_status mailbox_load(struct mailbox *m);

/* To be called for each message that is read: the session lock must not grow old. */
void mailbox_keep(const struct mailbox *m);

/* Both.  Returns 0 or an exit status, and has said then what is wrong. */
int mailbox_open(struct mailbox *m);

/* Say what a status other than MAIL_OK means here, and return an exit status for it. */
int mailbox_status(const struct mailbox *m, enum mail_status status);

/* Release the lock and all else. */
void mailbox_close(struct mailbox *m);

/* For mail_options: a line on standard error, if it is important, without control bytes.
 */
void mailbox_log(void *cookie, int priority, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

#endif
