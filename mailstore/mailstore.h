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
	MAIL_EARLY,   /* login_delay seconds have not passed: [LOGIN-DELAY] */
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
	unsigned lock_lease;  /* seconds that a session lives for other hosts after it
				 last gave a sign; 0: 300 */
	unsigned login_delay; /* seconds from open() to open(), 0: none */
	enum mail_lock mbox_locks[MAIL_LOCKS]; /* delivery locks, in the order taken */
	unsigned uidl_source;                  /* enum import_source, see import.h */
	const char *dovecot_format;            /* Dovecot's pop3_uidl_format there */
	const char *home; /* where a store that must keep a file beside a spool it
			     cannot write to may put it; "" if there is no home */
	void (*log)(void *cookie, int priority, const char *format, ...)
		__attribute__((format(printf, 3, 4)));
	void *cookie; /* for log */
};

/* What a store does with what is at a path or below; a set. */
enum mail_access {
	MAIL_ACCESS_LIST = 1u << 0,  /* reads directories; the path is one */
	MAIL_ACCESS_READ = 1u << 1,  /* files */
	MAIL_ACCESS_WRITE = 1u << 2, /* files: writes and cuts */
	MAIL_ACCESS_MAKE = 1u << 3,  /* files: makes, renames, links, removes */
	MAIL_ACCESS_MOVE = 1u << 4,  /* files: renames between directories */
};
typedef void mail_path_needed(void *cookie, const char *path, unsigned access);

/* Driver-private; each driver's own struct begins with this one. */
struct mailstore {
	const struct mailstore_ops *ops;
};
struct mail_message; /* driver-private */

struct mailstore_ops {
	const char *name; /* the word before ':' in a location */
	/*
	 * Name all that a store at this absolute path will open, so that the caller can
	 * bar the rest before there is one.  What is named need not be there.  False: the
	 * path is too long.
	 */
	bool (*needs)(const char *path, const struct mail_options *options,
		mail_path_needed *needed, void *cookie);
	/*
	 * Take the session lock and see that the maildrop, or its parent, is there; read
	 * no message yet.  path is relative to dirfd (or absolute) and its last component
	 * must not be a symbolic link.  A maildrop that does not exist is an empty one; a
	 * parent that does not exist is MAIL_TEMP.  options and what it points to must
	 * outlive the store.  *store is set only with MAIL_OK.  MAIL_EARLY, if there is a
	 * login delay: the next open() counts from the last that gave MAIL_OK; a Maildir
	 * that does not exist has none.
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
	/*
	 * True: the open message goes on the wire as it is stored, without any octet more
	 * or less, and is the first *octets of *fd, which is the driver's.  Whoever sends
	 * it from there must ask once more afterwards: false then means that the file has
	 * changed meanwhile, and what was sent may be torn.  What is still on its way
	 * then is part of the file: changed in place later, it arrives changed.  NULL:
	 * never.
	 */
	bool (*message_as_is)(struct mail_message *message, int *fd, uint64_t *octets);
	void (*message_close)(struct mail_message *message);
	/*
	 * Set bits[i / 8] & (1 << i % 8) of every message i that was delivered before a
	 * time, in seconds since 1970, and not of one where that is doubtful.
	 */
	enum mail_status (*older)(
		struct mailstore *store, int64_t time, unsigned char *bits);
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

/*
 * Read what a session lock says of its holder: the machine, the kernel and when this
 * process started.  What a store needs of files does not include those, so this comes
 * before others are barred; a process that is forked later reads the last one only.
 * Whoever bars nothing need not call it.
 */
void mailstore_identify(void);

extern const struct mailstore_ops mailstore_maildir;
extern const struct mailstore_ops mailstore_mbox;

#endif
