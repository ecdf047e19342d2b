#include "tests/unit/tls_handshake.h"

#include <openssl/err.h>
#include <string.h>
#include <unistd.h>

#include "pop3d/clock.h"
#include "pop3d/tls/key_client.h"

#define NESTED 2

/* The key processes of the pairs that there are, and a channel to the newest one. */
static struct keys in_use[NESTED];
static size_t n_in_use;
static int asking = -1;

/* A channel is good for one signature. */
static void
ask(void)
{
	if (asking >= 0)
		(void)close(asking);
	asking = keys_channel(&in_use[n_in_use - 1]);
	assert_true(asking >= 0);
	key_client_use(asking, clock_after(20));
}

struct tls_pair
tls_pair_try(const struct ticket_keys *keys)
{
	static const struct ticket_keys none;
	struct tls_pair pair;

	pair.material = material_load(&tls_fixture_setup, &tls_fixture_report);
	assert_non_null(pair.material);
	assert_true(keys_start(
		&pair.keys, pair.material, &tls_fixture_setup, KEYS_FOR_RESIDENT));
	assert_true(n_in_use < NESTED);
	in_use[n_in_use++] = pair.keys;
	ask();
	pair.context = tls_context_make(pair.material, &tls_fixture_setup,
		keys != NULL ? keys : &none, &tls_fixture_report);
	return pair;
}

struct tls_pair
tls_pair_make(const struct ticket_keys *keys)
{
	struct tls_pair pair = tls_pair_try(keys);

	assert_string_equal(tls_fixture_problems, "");
	assert_non_null(pair.context);
	return pair;
}

void
tls_pair_free(struct tls_pair *pair)
{
	(void)close(asking);
	asking = -1;
	keys_end(&pair->keys);
	n_in_use--;
	tls_context_free(pair->context);
	material_free(pair->material);
}

struct ticket_keys
tls_talk_keys(unsigned char number)
{
	struct ticket_keys keys = {.n = 1};

	memset(keys.keys[0], number, sizeof(keys.keys[0]));
	return keys;
}

/* For macros of OpenSSL that take what they do not change for what they may. */
static char *
borrowed(const char *text)
{
	union {
		const char *in;
		char *out;
	} same = {.in = text};

	return same.out;
}

static void
client_offer(SSL *ssl, const struct tls_client *wish)
{
	unsigned char protocols[64];

	if (wish->name != NULL)
		assert_int_equal(SSL_set_tlsext_host_name(ssl, borrowed(wish->name)), 1);
	if (wish->protocol != NULL) {
		size_t n = strlen(wish->protocol);
		protocols[0] = (unsigned char)n;
		memcpy(protocols + 1, wish->protocol, n);
		assert_int_equal(SSL_set_alpn_protos(ssl, protocols, (unsigned)n + 1), 0);
	}
	if (wish->signatures != NULL)
		assert_int_equal(
			SSL_set1_sigalgs_list(ssl, borrowed(wish->signatures)), 1);
	if (wish->staple)
		assert_int_equal(
			SSL_set_tlsext_status_type(ssl, TLSEXT_STATUSTYPE_ocsp), 1);
	if (wish->no_extended_master_secret)
		(void)SSL_set_options(ssl, SSL_OP_NO_EXTENDED_MASTER_SECRET);
	if (wish->session != NULL)
		assert_int_equal(SSL_set_session(ssl, wish->session), 1);
}

static SSL *
client_make(const struct tls_client *wish)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
	SSL *ssl;

	assert_non_null(ctx);
	/* An old version is the client's wish, so that the server must refuse it. */
	SSL_CTX_set_security_level(ctx, 0);
	assert_int_equal(SSL_CTX_set_min_proto_version(ctx,
				 wish->version != 0 ? wish->version : TLS1_2_VERSION),
		1);
	assert_int_equal(SSL_CTX_set_max_proto_version(ctx, wish->version), 1);
	if (wish->identity != NULL) {
		assert_int_equal(SSL_CTX_use_certificate(ctx, wish->identity->x509), 1);
		assert_int_equal(SSL_CTX_use_PrivateKey(ctx, wish->identity->key), 1);
	}
	if (wish->issuer != NULL)
		assert_int_equal(SSL_CTX_add1_chain_cert(ctx, wish->issuer->x509), 1);
	ssl = SSL_new(ctx);
	SSL_CTX_free(ctx);
	assert_non_null(ssl);
	SSL_set_connect_state(ssl);
	client_offer(ssl, wish);
	return ssl;
}

/* One side's turn: 1: done, 0: it waits for the other, -1: it has failed. */
static int
step(SSL *ssl, int *reason)
{
	int done, error;

	ERR_clear_error();
	done = SSL_do_handshake(ssl);
	if (done == 1)
		return 1;
	error = SSL_get_error(ssl, done);
	if (error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE)
		return 0;
	*reason = ERR_GET_REASON(ERR_peek_error());
	return -1;
}

/* What comes behind the handshake, alerts and tickets, is taken by a read. */
static void
settle(SSL *ssl, int *reason)
{
	char octet;
	int n;

	ERR_clear_error();
	n = SSL_read(ssl, &octet, 1);
	if (SSL_get_error(ssl, n) == SSL_ERROR_SSL)
		*reason = ERR_GET_REASON(ERR_peek_error());
}

bool
tls_talk_begin(
	struct tls_talk *talk, struct tls_context *context, const struct tls_client *wish)
{
	int server = 0, client = 0;
	BIO *near, *far;

	memset(talk, 0, sizeof(*talk));
	ask();
	talk->server = tls_context_connection(context);
	assert_non_null(talk->server);
	talk->client = client_make(wish);
	assert_int_equal(BIO_new_bio_pair(&near, 65536, &far, 65536), 1);
	SSL_set_bio(talk->server, near, near);
	SSL_set_bio(talk->client, far, far);
	for (int i = 0; i < 10 && (server == 0 || client == 0); i++) {
		if (client == 0)
			client = step(talk->client, &talk->client_reason);
		if (server == 0)
			server = step(talk->server, &talk->server_reason);
	}
	if (client != 0)
		settle(talk->client, &talk->client_reason);
	ERR_clear_error();
	return server == 1 && client == 1 && talk->client_reason == 0;
}

SSL_SESSION *
tls_talk_session(struct tls_talk *talk)
{
	SSL_SESSION *session = SSL_get1_session(talk->client);

	assert_non_null(session);
	if (SSL_SESSION_is_resumable(session) == 1 &&
		SSL_SESSION_has_ticket(session) == 1)
		return session;
	SSL_SESSION_free(session);
	return NULL;
}

bool
tls_talk_showed(const struct tls_talk *talk, const struct tls_fixture_identity *identity)
{
	const X509 *x509 = SSL_get0_peer_certificate(talk->client);

	return x509 != NULL && X509_cmp(x509, identity->x509) == 0;
}

void
tls_talk_end(struct tls_talk *talk)
{
	/* Without a shutdown OpenSSL takes the session for broken. */
	SSL_set_quiet_shutdown(talk->client, 1);
	(void)SSL_shutdown(talk->client);
	SSL_free(talk->client);
	SSL_free(talk->server);
	memset(talk, 0, sizeof(*talk));
}

void
tls_pair_refused(const char *text)
{
	struct tls_pair pair = tls_pair_try(NULL);

	assert_null(pair.context);
	assert_true(tls_fixture_complained(text));
	tls_pair_free(&pair);
}
