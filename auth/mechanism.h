/*
 * Authentication mechanisms: how a client hands over its proof.
 *
 * An exchange runs in the auth process.  It takes the client's messages (decoded: raw
 * bytes, no base64), one at a time, and ends with a result of the module chain.
 */
#ifndef AUTH_MECHANISM_H
#define AUTH_MECHANISM_H

#include "auth/auth_module.h"
#include "auth/chain.h"

#define AUTH_CHALLENGE_MAX 1024u

struct auth_exchange;

struct auth_mechanism {
	const char *name; /* upper case */
	uint32_t proof;   /* the enum auth_proof it asks modules for */
	enum auth_result (*step)(struct auth_exchange *exchange, struct auth_span in);
};

struct auth_exchange {
	const struct auth_mechanism *mechanism;
	struct auth_chain *chain;
	const char *remote; /* numeric addresses, "" if there is none */
	const char *local;
	struct auth_out out; /* with AUTH_OK */
	char user[AUTH_USER_MAX +
		  1]; /* name the client claimed, for the log; may be "" */
	unsigned char challenge[AUTH_CHALLENGE_MAX]; /* with AUTH_MORE */
	size_t challenge_len;
};

/*
 * USER and PASS of RFC 1939 as one mechanism, "USER".  Its only message is the user
 * name, a NUL, and the password.
 */
extern const struct auth_mechanism auth_mechanism_user;

/* Find a mechanism by its upper-case name; NULL if there is none. */
const struct auth_mechanism *auth_mechanism_find(const char *name);

/* Feed the next message.  A malformed one is AUTH_DENY.  Wipes nothing of `in`. */
enum auth_result auth_exchange_step(struct auth_exchange *exchange, struct auth_span in);

#endif
