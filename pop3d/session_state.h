/*
 * The inside of a session, shared by the session's files only.
 */
#ifndef SESSION_STATE_H
#define SESSION_STATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "mailstore/block.h"
#include "mailstore/mailstore.h"
#include "pop3d/command.h"
#include "pop3d/connection.h"
#include "pop3d/line.h"
#include "pop3d/mail_policy.h"
#include "pop3d/output.h"

/* A large message is read and sent in pieces of this size: who reads it wakes less often.
 */
#define SESSION_CHUNK 262144u
#define SESSION_OUTPUT SESSION_CHUNK
/* Replies to commands that are waiting are sent when so much of them is there. */
#define SESSION_GATHERED 65536u

struct session_tally {
	uint64_t messages;
	uint64_t octets;
};

struct session {
	_Alignas(BLOCK_ALIGNMENT) unsigned char chunk[SESSION_CHUNK];
	struct connection *connection;
	const char *user;
	const char *mechanism;
	const struct mailstore_ops *ops;
	struct mailstore *store;
	struct mail_policy policy;
	bool lost; /* the maildrop is another session's now */
	bool loaded;
	bool sated;             /* what may be sent has been, as was logged */
	size_t count;           /* messages, once loaded */
	unsigned char *deleted; /* bitmaps, one bit a message */
	unsigned char *expired; /* to be removed though not marked */
	unsigned char *gone;    /* vanished: neither listed nor to be removed */
	unsigned char *sized;   /* the store knows the size, asking again is free */
	uint64_t bad_commands;  /* in a row */
	uint64_t commands;
	struct session_tally top, retr, dele, expiry; /* for the log */
	size_t left;
	const char *reason; /* why the session ended */
	struct line_reader reader;
	struct output output;
	unsigned char output_buf[SESSION_OUTPUT];
};

/* What a command comes to.  One place makes replies of these: one reply a command. */
enum session_event {
	SESSION_OK,   /* +OK with reply->text */
	SESSION_ERR,  /* -ERR with reply->code and reply->text */
	SESSION_BAD,  /* -ERR likewise, and the client seems confused */
	SESSION_BODY, /* +OK with reply->text, then reply->body() */
	SESSION_SENT, /* the handler has written its reply */
	SESSION_QUIT, /* UPDATE state */
};

struct session_reply {
	const char *code; /* response code, NULL for none */
	char text[128];
	/* Write the lines that follow +OK; false: drop the connection. */
	bool (*body)(struct session *session, const struct command *command);
	struct mail_message *message; /* open, for the body of RETR and TOP */
};

/* session_confine.c */

/* True: this process is the mail user now, and nothing else ever again. */
bool session_become(const struct session *session, uid_t uid, gid_t gid);
/*
 * Leave this process what the store at this path needs, and no more.  False, logged: it
 * must not open the store.  A log whose socket is replaced from here on gets no more
 * lines: there is no making of another one.
 */
bool session_confine(const struct session *session, const char *path,
	const struct mail_options *options);

/* session_commands.c: carry out one command. */
enum session_event session_command(struct session *session, const struct command *command,
	struct session_reply *reply);

/* session_message.c: RETR and TOP. */
enum session_event session_open_message(struct session *session,
	const struct command *command, struct session_reply *reply);
bool session_send_message(struct session *session, const struct command *command,
	struct mail_message *message);

/* session_limits.c: whether a client has asked for too much. */

/* True, with all replies sent, if the client has made no sense for too long. */
bool session_is_confused(struct session *session);

/* To be asked before each command.  False, with all replies sent: it is one too many. */
bool session_may_command(struct session *session);
/* False if no further message may be sent.  Deletions may still be brought to an end. */
bool session_may_send(struct session *session);

/* session_maildrop.c: message numbers, marks, sizes. */

/*
 * To be called often, see mailstore_ops.keep().  False: the session must end without
 * removing anything.
 */
bool session_keep(struct session *session);
/* Have it called, too, while the client is silent, or slow, for longer than a lease. */
void session_keep_waiting(struct session *session, uint64_t lease);
/* Number the messages, the first time it is called. */
enum mail_status session_load(struct session *session);
bool session_is_listed(const struct session *session, size_t i);
/*
 * Size of a message; one that has vanished, or is not the user's to read, is marked gone
 * and gives MAIL_GONE.
 */
enum mail_status session_octets(struct session *session, size_t i, uint64_t *octets);
/* Count what is listed and add it up; every size is known afterwards. */
enum mail_status session_measure(
	struct session *session, size_t *count, uint64_t *octets);
void session_mark(struct session *session, size_t i);
void session_unmark_all(struct session *session);
/* The UPDATE state: remove what is marked, durably, and let go of the maildrop. */
enum mail_status session_update(struct session *session);

/* session_expire.c */

/* All of a message has been sent in answer to RETR. */
void session_fetched(struct session *session, size_t i);
/* Find what else is to be removed now that the client has said QUIT. */
enum mail_status session_expire(struct session *session);

/* session_log.c */
void session_log_login(const struct session *session);
void session_log_end(const struct session *session);

/* Fill a reply from what went wrong with the maildrop. */
enum session_event session_fault(struct session_reply *reply, enum mail_status status);

#endif
