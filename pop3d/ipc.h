/*
 * Messages between the processes of one connection, and of pop3d-tls.
 *
 * Each runs over a SOCK_SEQPACKET socketpair: one send is one message, and a message is
 * a type octet and fields.  A reader takes the fields in order and closes with
 * ipc_end(): anything missing, left over or out of range makes it fail, and whoever has
 * more privilege then ends the connection.
 *
 *	front -> monitor   IPC_AUTH      attempt, mechanism: one login attempt begins
 *	                   IPC_LOG       priority, text
 *	                   IPC_BYE       reason: the front ends
 *	                   IPC_STLS      lines, octets: the front ends, TLS begins
 *	                   IPC_XCLIENT   lines, octets, struct proxy_header: it ends
 *	monitor -> front   IPC_RESULT    enum ipc_result of a failed attempt
 *	front -> auth      IPC_STEP      attempt, enum ipc_step, bytes of the client
 *	auth -> front      IPC_CHALLENGE attempt, bytes for the client
 *	proxy -> monitor   IPC_PROXY     struct proxy_header
 *	monitor -> tls     IPC_RELAY     to the resident one: serve these descriptors
 *	tls -> monitor     IPC_TLS_UP    struct tls_info: the handshake is done
 *	                   IPC_TLS_DOWN  why it has failed
 *	relay -> key       IPC_KEY_OPEN  number of a file: what is in it?
 *	                   IPC_KEY_SIGN  struct key_request
 *	key -> relay       IPC_KEY_CERTIFICATES a piece of the file's, in PEM form
 *	                   IPC_KEY_OPENED what is wrong with it, public half of the key
 *	                   IPC_KEY_SIGNED signature
 *	resident -> key    IPC_KEY_CHANNEL serve this relay, too
 *	monitor -> listener IPC_ADDRESS  pid, network: whom it is really from
 *	                   IPC_LOGGED_IN pid: its client has
 *	listener -> monitor IPC_ADMIT    1: it may go on; 0: it may not
 *	auth -> monitor    IPC_WAITING   claimed user: the client's turn
 *	                   IPC_WORKING   claimed user: the modules' turn
 *	                   IPC_AGAIN     ask one that has all parts of the modules
 *	                   IPC_VERDICT   enum ipc_result, claimed user, reason, mark of a
 *	                                 wrong password, identity
 *
 * Credentials travel on the front's channel to the auth process only.
 */
#ifndef IPC_H
#define IPC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Room for a bearer token of 64 KiB and what goes with it. */
#define IPC_MAX 66560u

enum ipc_type {
	IPC_AUTH = 1,
	IPC_LOG,
	IPC_BYE,
	IPC_RESULT,
	IPC_STEP,
	IPC_CHALLENGE,
	IPC_VERDICT,
	IPC_WAITING,
	IPC_WORKING,
	IPC_STLS,
	IPC_XCLIENT,
	IPC_PROXY,
	IPC_RELAY,
	IPC_TLS_UP,
	IPC_TLS_DOWN,
	IPC_ADDRESS,
	IPC_ADMIT,
	IPC_LOGGED_IN,
	IPC_KEY_OPEN,
	IPC_KEY_CERTIFICATES,
	IPC_KEY_OPENED,
	IPC_KEY_SIGN,
	IPC_KEY_SIGNED,
	IPC_KEY_CHANNEL,
	IPC_AGAIN,
};

enum ipc_step {
	STEP_MESSAGE = 1, /* what the client said */
	STEP_NOTHING,     /* it sent no initial response */
	STEP_CANCEL,      /* it gave up, or sent what is no base64 */
};

/* How an attempt ended.  Zeroed memory must never mean success. */
enum ipc_result {
	RESULT_TEMPFAIL = 0, /* back end broken, module crashed, deadline: [SYS/TEMP] */
	RESULT_DENIED = 1,   /* [AUTH] */
	RESULT_REFUSED = 2,  /* right proof, unusable account: [SYS/PERM] */
	RESULT_OK = 3,
};

struct ipc_message {
	size_t n;  /* octets in data */
	size_t at; /* where the next field is read */
	bool bad;  /* a field did not fit */
	unsigned char data[IPC_MAX];
};

/* Overwrite a message that held a secret. */
void ipc_wipe(struct ipc_message *message);

/* A connected pair, close-on-exec; false with errno. */
bool ipc_pair(int fds[2]);

void ipc_begin(struct ipc_message *message, enum ipc_type type);
void ipc_put_number(struct ipc_message *message, uint32_t value);
void ipc_put_bytes(struct ipc_message *message, const void *p, size_t n);
void ipc_put_text(struct ipc_message *message, const char *text);
/* Never blocks; false if a field did not fit, the peer is gone or its queue is full. */
bool ipc_send(int fd, struct ipc_message *message);

/*
 * Take the next message that is there; waits for one.  1: got one; 0: the peer is gone,
 * or sent an empty message; -1: an error, or a message that is too long.
 */
int ipc_receive(int fd, struct ipc_message *message);
/* The same, but the message stays where it is, for the next who receives. */
int ipc_peek(int fd, struct ipc_message *message);
/* First octet of a message; it need not be one of enum ipc_type. */
unsigned ipc_type(const struct ipc_message *message);
uint32_t ipc_get_number(struct ipc_message *message);
/* Borrowed bytes inside the message; NULL with *n 0 if the field is bad. */
const unsigned char *ipc_get_bytes(struct ipc_message *message, size_t *n);
/* Copy a field without NUL octets into buf as a string; too long is bad. */
void ipc_get_text(struct ipc_message *message, char *buf, size_t size);
/* True if every get was good and nothing is left. */
bool ipc_end(const struct ipc_message *message);

#endif
