/*
 * Mail stores: what a session needs of a maildrop, whatever its format.
 *
 * A driver knows files.  It knows nothing of sockets, replies, dot-stuffing or deletion
 * marks: the session keeps the marks and hands them over once, in update().  A maildrop
 * is a list of messages numbered from 0, frozen by load(): what is delivered later is
 * not in it.
 *
 * Everything here runs as the mail user.  No function exits; errors that an
 * administrator must see go to options->log, at most a few lines a session.
 */
#ifndef MAILSTORE_H
#define MAILSTORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define MAIL_UID_MAX 70u /* octets of a unique-id, RFC 1939 section 7 */

/* Each maps to one reply of the session. */
enum mail_status {
	MAIL_OK = 0,
	MAIL_BUSY,    /* another POP3 session holds the maildrop: [IN-USE] */
	MAIL_GONE,    /* this message vanished: -ERR, treat it as deleted */
	MAIL_CHANGED, /* another program changed the maildrop under us: -ERR, nothing done
		       */
	MAIL_LIMIT,   /* over max_messages or max_octets: [SYS/PERM] */
	MAIL_TEMP,    /* out of space, I/O error, not mounted: [SYS/TEMP] */
	MAIL_PERM,    /* not a maildrop, not ours, bad location: [SYS/PERM] */
};

enum mail_lock {
	MAIL_LOCK_NONE = 0, /* ends a list of locks */
	MAIL_LOCK_FCNTL,
	MAIL_LOCK_DOTLOCK,
};
#define MAIL_LOCKS 2

struct mail_options {
	size_t max_messages;
	uint64_t max_octets; /* of the whole maildrop as stored; only mbox heeds it: a
				Maildir would need a stat of every message for it */
	uint64_t max_decompressed; /* of one message that is stored compressed; 0: any */
	unsigned lock_wait;        /* seconds to wait for a lock that is held */
	unsigned lock_lease; /* seconds that a session lives for other hosts after it
				last gave a sign; 0: 300 */
	enum mail_lock mbox_locks[MAIL_LOCKS]; /* delivery locks, in the order taken */
	unsigned uidl_source;                  /* enum import_source, see import.h */
	const char *dovecot_format;            /* Dovecot's pop3_uidl_format there */
	const char *home; /* where a store that must keep a file beside a spool it
			     cannot write to may put it; "" if there is no home */
	void (*log)(void *cookie, int priority, const char *format, ...)
		__attribute__((format(printf, 3, 4)));
	void *cookie; /* for log */
};

/* Driver-private; each driver's own struct begins with this one. */
struct mailstore {
	const struct mailstore_ops *ops;
};
struct mail_message; /* driver-private */

struct mailstore_ops {
	const char *name; /* the word before ':' in a location */
	/*
	 * Take the session lock and see that the maildrop, or its parent, is there; read
	 * no message yet.  path is relative to dirfd (or absolute) and its last component
	 * must not be a symbolic link.  A maildrop that does not exist is an empty one; a
	 * parent that does not exist is MAIL_TEMP.  options and what it points to must
	 * outlive the store.  *store is set only with MAIL_OK.
	 */
	enum mail_status (*open)(struct mailstore **store, int dirfd, const char *path,
		const struct mail_options *options);
	/*
	 * Show other hosts that this session lives, and see that none took the maildrop
	 * over.  To be called at least every options->lock_lease / 6 seconds while a
	 * session lasts, also while it waits for the client; cheap if called often.
	 * MAIL_BUSY: the maildrop is another session's now, for good, and there must be
	 * no update().  Other trouble is the driver's to log and may be passed over.
	 */
	enum mail_status (*keep)(struct mailstore *store);
	/*
	 * Number the messages.  Must have succeeded once before anything below; may be
	 * called again after a failure.
	 */
	enum mail_status (*load)(struct mailstore *store, size_t *count);
	/* The octets of all messages together.  False: it takes asking for each. */
	bool (*total)(struct mailstore *store, uint64_t *octets);
	/*
	 * The octets RETR will send: stored bytes with every line end as CRLF and one
	 * added to a last line without (RFC 1939 section 11).  Exact, always.
	 */
	enum mail_status (*octets)(struct mailstore *store, size_t i, uint64_t *octets);
	/* 1 to 70 characters 0x21-0x7E, unique in the maildrop, the same next time. */
	enum mail_status (*uid)(
		struct mailstore *store, size_t i, char uid[MAIL_UID_MAX + 1]);
	/* A message is read from its start; one message is open at a time. */
	enum mail_status (*message_open)(
		struct mailstore *store, size_t i, struct mail_message **message);
	/*
	 * Stored bytes, of a compressed message those that were compressed; *n is 0 at
	 * the end only.  Any status but MAIL_OK: it is torn.
	 */
	enum mail_status (*message_read)(
		struct mail_message *message, void *buf, size_t cap, size_t *n);
	void (*message_close)(struct mail_message *message);
	/*
	 * The UPDATE state: remove every message i with deleted[i / 8] & (1 << i % 8) and
	 * no other, durably.  MAIL_OK only if all of them are gone for good; *removed is
	 * how many are in either case.  Called at most once, close() follows.  MAIL_BUSY:
	 * see keep().
	 */
	enum mail_status (*update)(
		struct mailstore *store, const unsigned char *deleted, size_t *removed);
	/* Release the session lock; nothing is removed.  store may be NULL. */
	void (*close)(struct mailstore *store);
};

extern const struct mailstore_ops mailstore_maildir;
extern const struct mailstore_ops mailstore_mbox;

#endif
