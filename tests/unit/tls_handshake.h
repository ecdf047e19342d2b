/*
 * Handshakes of a context with an OpenSSL client in the same process.
 */
#ifndef TLS_HANDSHAKE_H
#define TLS_HANDSHAKE_H

#include <openssl/ssl.h>
#include <stdbool.h>

#include "pop3d/tls/context.h"
#include "pop3d/tls/keys.h"
#include "tests/unit/tls_fixture.h"

/* What the client is like; zeros: it does without. */
struct tls_client {
	int version;          /* TLS1_2_VERSION...; 0: 1.2 or 1.3 */
	const char *name;     /* that it asks for */
	const char *protocol; /* of ALPN */
	const char *signatures;
	bool staple; /* asks for an OCSP response */
	bool no_extended_master_secret;
	const struct tls_fixture_identity *identity, *issuer;
	SSL_SESSION *session; /* to take up */
};

struct tls_talk {
	SSL *server, *client;
	int server_reason, client_reason; /* of a failure: SSL_R_..., 0: none */
};

/* Material and context of tls_fixture_setup, with tickets of *keys or without. */
struct tls_pair {
	struct material *material;
	struct tls_context *context;
	struct keys keys; /* their process */
};
struct tls_pair tls_pair_make(const struct ticket_keys *keys);

/* The same whatever may be wrong: the context is NULL then. */
struct tls_pair tls_pair_try(const struct ticket_keys *keys);
void tls_pair_free(struct tls_pair *pair);

/* Keys of the fixture's own; the same for the same number. */
struct ticket_keys tls_talk_keys(unsigned char number);

/* Run a handshake to its end; true if both sides think that it is good. */
bool tls_talk_begin(struct tls_talk *talk, struct tls_context *context,
	const struct tls_client *wish);

/* The session that the client can take up later; NULL if it got no ticket. */
SSL_SESSION *tls_talk_session(struct tls_talk *talk);

/* The certificate that the server showed, against one; false: there was none. */
bool tls_talk_showed(
	const struct tls_talk *talk, const struct tls_fixture_identity *identity);

void tls_talk_end(struct tls_talk *talk);

/* What the setup names cannot be used, for a reason that is told. */
void tls_pair_refused(const char *text);

#endif
