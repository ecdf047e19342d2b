/*
 * What a client says in each mechanism that has a password or a token for a proof.  Pure
 * but for one nonce; messages are decoded: raw octets, no base64.
 */
#ifndef CTL_AUTHCLIENT_H
#define CTL_AUTHCLIENT_H

#include <stdbool.h>
#include <stddef.h>

#include "auth/auth_module.h"
#include "auth/credential.h"

#define AUTHCLIENT_NONCE 25u /* 18 random octets in base64, and a NUL */
/* A token, a name whose octets are all escaped, and the words around them. */
#define AUTHCLIENT_MESSAGE_MAX (AUTH_TOKEN_MAX + 3u * AUTH_USER_MAX + 256u)

/* The first four are the caller's, and borrowed; the rest is zero at first. */
struct authclient {
	const char *mechanism;
	const char *user;
	struct auth_span secret;
	const char *banner; /* the timestamp of the greeting */
	unsigned step;
	char nonce[AUTHCLIENT_NONCE]; /* made up when it is needed, if it is "" */
	unsigned char signature[AUTH_KEY_OCTETS]; /* that the server must prove */
};

struct authclient_message {
	bool nothing; /* no initial response */
	size_t n;
	unsigned char p[AUTHCLIENT_MESSAGE_MAX];
};

/* True if there is a client for a mechanism. */
bool authclient_knows(const char *mechanism);

/*
 * Answer what the server said; the first time it has said nothing.  Returns NULL, or why
 * there is no answer as a constant text.
 */
const char *authclient_step(struct authclient *client, struct auth_span challenge,
	struct authclient_message *message);

/* SCRAM-SHA-256's part of it. */
const char *authclient_scram(struct authclient *client, struct auth_span challenge,
	struct authclient_message *message);

/* For the parts: put octets, or a text, behind what is in the message. */
void authclient_put(struct authclient_message *message, const void *p, size_t n);
void authclient_text(struct authclient_message *message, const char *text);
/* A saslname of RFC 5802 section 5.1: ',' and '=' are escaped. */
void authclient_name(struct authclient_message *message, const char *name);

#endif
