/*
 * Authentication mechanisms: how a client hands over its proof.
 *
 * An exchange runs in the auth process.  It takes the client's messages (decoded: raw
 * bytes, no base64), one at a time, and ends with a result of the module chain.  Adding a
 * mechanism touches no module: what it asks of one is a kind of proof.
 */
#ifndef AUTH_MECHANISM_H
#define AUTH_MECHANISM_H

#include "auth/auth_module.h"
#include "auth/chain.h"

#define AUTH_CHALLENGE_MAX 1024u
#define AUTH_BINDING_MAX 64u /* octets of channel binding data */

struct auth_exchange;

enum auth_mechanism_flag {
	MECHANISM_SASL = 1u << 0, /* for AUTH; the others have commands of their own */
	MECHANISM_PLAINTEXT = 1u << 1, /* shows the password to whoever listens */
	MECHANISM_SERVER_FIRST =
		1u << 2, /* takes no initial response (RFC 5034 section 4) */
	MECHANISM_NEEDS_TLS = 1u << 3, /* never without (RFC 7628 section 3) */
	MECHANISM_BINDING =
		1u << 4,            /* binds to a TLS channel that ends in this program */
	MECHANISM_BANNER = 1u << 5, /* needs a timestamp in the greeting */
	/* Its last message holds all that is asked about, whatever was said before. */
	MECHANISM_ONE_MESSAGE = 1u << 6,
};

struct auth_mechanism {
	const char *name; /* upper case */
	uint32_t proof;   /* the enum auth_proof it asks modules for */
	uint32_t flags;   /* mask of enum auth_mechanism_flag */
	/*
	 * Take the next message.  in.p is NULL in the first call for a client that sent
	 * no initial response: AUTH_MORE then, with an empty challenge if the client
	 * begins.
	 */
	enum auth_result (*step)(struct auth_exchange *exchange, struct auth_span in);
};

/* What is known of the connection.  Borrowed, constant during the exchange. */
struct auth_peer {
	const char *remote; /* numeric addresses, "" if there is none */
	const char *local;
	const char *hostname; /* of the server */
	const char *banner;   /* the timestamp of the greeting, "" if there was none */
	uint32_t secure;      /* 1: TLS or a local connection */
	const char
		*certificate_user; /* whom a verified certificate names, "" for nobody */
	/* Data of channel bindings; empty: none, or SCRAM-SHA-256-PLUS is not offered. */
	struct auth_span exporter;  /* tls-exporter, RFC 9266 */
	struct auth_span unique;    /* tls-unique, RFC 5929; of TLS 1.2 only */
	struct auth_span end_point; /* tls-server-end-point, RFC 5929 */
	/* A secret of this host, for what must look the same at each attempt. */
	struct auth_span seed;
	/*
	 * What a client is told whose bearer token was refused: the scope it needs and
	 * the URL of the OpenID configuration.  NULL or "": nothing; no '"', no '\\'.
	 */
	const char *oauth_scope;
	const char *oauth_discovery;
};

struct auth_exchange {
	const struct auth_mechanism *mechanism;
	struct auth_chain *chain;
	const struct auth_peer *peer;
	unsigned steps; /* messages taken before this one */
	void *state;    /* of a mechanism that needs more; freed with the process */
	/* NULL, or told each password that modules are asked about. */
	void (*tried)(struct auth_exchange *exchange, struct auth_span secret);
	void *cookie;        /* of tried() */
	struct auth_out out; /* with AUTH_OK */
	char user[AUTH_USER_MAX +
		  1]; /* name the client claimed, for the log; may be "" */
	unsigned char challenge[AUTH_CHALLENGE_MAX]; /* with AUTH_MORE */
	size_t challenge_len;
};

/* Find a mechanism by its upper-case name; NULL if there is none. */
const struct auth_mechanism *auth_mechanism_find(const char *name);

/* All of them in the order in which they are announced, NULL at the end. */
extern const struct auth_mechanism *const auth_mechanisms[];

/* Feed the next message.  A malformed one is AUTH_DENY.  Wipes nothing of `in`. */
enum auth_result auth_exchange_step(struct auth_exchange *exchange, struct auth_span in);

/* For mechanisms: give a reason for the log, and AUTH_DENY to return. */
enum auth_result auth_exchange_deny(struct auth_exchange *exchange, const char *reason);

/* For mechanisms: set the challenge, and AUTH_MORE to return; AUTH_TEMPFAIL if too long.
 */
enum auth_result auth_exchange_challenge(
	struct auth_exchange *exchange, const void *p, size_t n);

/*
 * For mechanisms: take a name the client claims, into exchange->user.  False if it is
 * none: empty, too long, or with control bytes.
 */
bool auth_exchange_user(struct auth_exchange *exchange, const void *name, size_t n);

/*
 * For mechanisms: ask the chain about exchange->user with this secret, which is copied
 * and wiped, and challenge.  The answer is in exchange->out.
 */
enum auth_result auth_exchange_ask(struct auth_exchange *exchange,
	struct auth_span secret, struct auth_span challenge);

#endif
