#include "tests/unit/auth_fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "auth/base64.h"
#include "auth/hmac.h"
#include "auth/mechanisms.h"
#include "auth/scram.h"
#include "auth/scram_keys.h"
#include "tests/unit/tests.h"

static struct auth_exchange exchange;
static struct auth_peer peer;
static struct auth_chain *chain;
static char challenge[AUTH_CHALLENGE_MAX + 1];

static void
log_line(void *cookie, int priority, const char *text)
{
	(void)cookie;
	(void)priority;
	(void)text;
}

static const char *
config_value(void *cookie, const char *module, const char *key)
{
	(void)cookie;
	(void)module;
	(void)key;
	return NULL;
}

static void
begin(const char *mechanism)
{
	free(exchange.state);
	memset(&exchange, 0, sizeof(exchange));
	exchange.mechanism = auth_mechanism_find(mechanism);
	assert_non_null(exchange.mechanism);
	exchange.chain = chain;
	exchange.peer = &peer;
}

static int
setup(void **state)
{
	const struct auth_chain_options options = {.directory = fixture_directory,
		.modules = "mod_scram",
		.log = log_line,
		.config = config_value};
	char error[256];

	if (fixture_setup(state) != 0)
		return 1;
	fixture_module("mod_scram");
	peer = (struct auth_peer){.remote = "",
		.local = "",
		.hostname = "h",
		.banner = "",
		.certificate_user = "",
		.seed = fixture_span("seed")};
	chain = auth_chain_load(&options, error, sizeof(error));
	return chain == NULL || !auth_chain_open(chain);
}

static int
teardown(void **state)
{
	free(exchange.state);
	exchange.state = NULL;
	auth_chain_free(chain);
	return fixture_teardown(state);
}

/* The message is a copy of exactly its octets on the heap, for the sanitizers. */
static enum auth_result
say(const char *text)
{
	size_t n = strlen(text);
	unsigned char *copy = malloc(n > 0 ? n : 1);
	enum auth_result result;

	assert_non_null(copy);
	memcpy(copy, text, n);
	result = auth_exchange_step(&exchange, (struct auth_span){copy, n});
	free(copy);
	memcpy(challenge, exchange.challenge, exchange.challenge_len);
	challenge[exchange.challenge_len] = '\0';
	return result;
}

/* A client, which knows the password, at its second message. */
struct client {
	char bare[512];          /* client-first-message-bare */
	char server_first[1025]; /* the answer to that */
	char header[256];        /* gs2-header */
	char data[64];           /* of the channel */
	const char *password;
};

static void
client_final(const struct client *client, char text[2048])
{
	struct auth_scram keys = {0};
	struct scram_exchange messages;
	unsigned char client_key[32], salted[32], signature[32], u[32];
	char input[400], without[1024], binding[600] = "", proof[48] = "";
	const char *s = strstr(client->server_first, ",s=") + 3;
	const char *i = strstr(s, ",i=");
	struct hmac hmac;
	size_t n;

	assert_true(base64_decode(s, (size_t)(i - s), keys.salt, sizeof(keys.salt), &n));
	hmac_begin(&hmac, client->password, strlen(client->password));
	hmac_add(&hmac, keys.salt, n);
	hmac_add(&hmac, "\0\0\0\1", 4);
	hmac_end(&hmac, u);
	memcpy(salted, u, 32);
	for (long k = 1; k < strtol(i + 3, NULL, 10); k++) {
		hmac_begin(&hmac, client->password, strlen(client->password));
		hmac_add(&hmac, u, 32);
		hmac_end(&hmac, u);
		for (size_t b = 0; b < 32; b++)
			salted[b] ^= u[b];
	}
	hmac_begin(&hmac, salted, 32);
	hmac_add(&hmac, "Client Key", 10);
	hmac_end(&hmac, client_key);
	(void)snprintf(input, sizeof(input), "%s%s", client->header, client->data);
	binding[base64_encode((unsigned char *)input, strlen(input), binding)] = '\0';
	(void)snprintf(without, sizeof(without), "c=%s,%.*s", binding,
		(int)(s - 3 - client->server_first), client->server_first);
	messages = (struct scram_exchange){fixture_span(client->bare),
		fixture_span(client->server_first), fixture_span(without)};
	SHA2_CTX hash;
	SHA256Init(&hash);
	SHA256Update(&hash, client_key, 32);
	SHA256Final(keys.stored_key, &hash);
	scram_sign(keys.stored_key, &messages, signature);
	for (size_t b = 0; b < 32; b++)
		signature[b] ^= client_key[b];
	proof[base64_encode(signature, 32, proof)] = '\0';
	(void)snprintf(text, 2048, "%s,p=%s", without, proof);
}

/* Both messages of a client; the answer to the second. */
static enum auth_result
log_in(const char *mechanism, const char *header, const char *bare, const char *data,
	const char *password)
{
	struct client client = {.password = password};
	char text[2048];

	begin(mechanism);
	(void)snprintf(client.bare, sizeof(client.bare), "%s", bare);
	(void)snprintf(client.header, sizeof(client.header), "%s", header);
	(void)snprintf(client.data, sizeof(client.data), "%s", data);
	(void)snprintf(text, sizeof(text), "%s%s", header, bare);
	if (say(text) != AUTH_MORE)
		return AUTH_TEMPFAIL;
	(void)snprintf(client.server_first, sizeof(client.server_first), "%s", challenge);
	client_final(&client, text);
	return say(text);
}

#define PLAIN "SCRAM-SHA-256"
#define PLUS "SCRAM-SHA-256-PLUS"

static void
right_password(void **state)
{
	(void)state;
	assert_int_equal(log_in(PLAIN, "n,,", "n=user,r=abc", "", "pencil"), AUTH_MORE);
	assert_memory_equal(challenge, "v=", 2);
	assert_int_equal(strlen(challenge), 46);
	assert_int_equal(exchange.out.identity.uid, 0);
	assert_int_equal(say(""), AUTH_OK);
	assert_string_equal(exchange.user, "user");
	assert_string_equal(exchange.out.identity.user, "user");
	assert_int_equal(exchange.out.identity.uid, 4711);
	/* The keys go no further than this process. */
	assert_int_equal(exchange.out.scram.iterations, 0);
	assert_int_equal(exchange.out.scram.stored_key[0], 0);
	assert_int_equal(
		log_in(PLAIN, "n,a=user,", "n=user,r=abc,x=1", "", "pencil"), AUTH_MORE);
	assert_int_equal(say(""), AUTH_OK);
	assert_int_equal(
		log_in(PLAIN, "y,,", "n=a=2Cb=3Dc,r=abc", "", "pencil"), AUTH_MORE);
	assert_string_equal(exchange.user, "a,b=c");
}

static void
client_begins(void **state)
{
	(void)state;
	begin(PLAIN);
	assert_int_equal(
		auth_exchange_step(&exchange, (struct auth_span){NULL, 0}), AUTH_MORE);
	assert_int_equal(exchange.challenge_len, 0);
	assert_int_equal(say("n,,n=user,r=abc"), AUTH_MORE);
	assert_memory_equal(challenge, "r=abc", 5);
	assert_non_null(strstr(challenge, ",s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096"));
	/* An empty message is none. */
	begin(PLAIN);
	assert_int_equal(say(""), AUTH_DENY);
}

static void
last_message_is_empty(void **state)
{
	(void)state;
	assert_int_equal(log_in(PLAIN, "n,,", "n=user,r=abc", "", "pencil"), AUTH_MORE);
	assert_int_equal(say("x"), AUTH_DENY);
	assert_int_equal(exchange.out.identity.uid, 0);
}

static void
refusals_come_at_the_proof(void **state)
{
	static const struct {
		const char *bare, *password, *reason;
	} rows[] = {
		{"n=user,r=abc", "pencil ", "wrong password"},
		{"n=nobody,r=abc", "pencil", "no module knows the user"},
		{"n=denied,r=abc", "pencil", "nologin is set"},
		{"n=weak,r=abc", "pencil", "no usable SCRAM keys"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_int_equal(log_in(PLAIN, "n,,", rows[i].bare, "", rows[i].password),
			AUTH_DENY);
		assert_string_equal(exchange.out.reason, rows[i].reason);
		assert_int_equal(exchange.challenge_len, 0);
		assert_int_equal(exchange.out.identity.uid, 0);
	}
	begin(PLAIN);
	assert_int_equal(say("n,,n=broken,r=abc"), AUTH_TEMPFAIL);
}

static void
made_up_keys_stay_the_same(void **state)
{
	char salt[100], nonce[100];

	(void)state;
	begin(PLAIN);
	assert_int_equal(say("n,,n=nobody,r=abc"), AUTH_MORE);
	(void)snprintf(salt, sizeof(salt), "%s", strstr(challenge, ",s="));
	(void)snprintf(nonce, sizeof(nonce), "%.29s", challenge);
	assert_int_equal(strlen(salt), strlen(",s=W22ZaJ0SNY7soEsUEjb6gQ==,i=100000"));
	begin(PLAIN);
	assert_int_equal(say("n,,n=nobody,r=abc"), AUTH_MORE);
	assert_string_equal(strstr(challenge, ",s="), salt);
	assert_memory_not_equal(challenge, nonce, 29);
	begin(PLAIN);
	assert_int_equal(say("n,,n=nobodx,r=abc"), AUTH_MORE);
	assert_string_not_equal(strstr(challenge, ",s="), salt);
	peer.seed = fixture_span("Seed");
	begin(PLAIN);
	assert_int_equal(say("n,,n=nobody,r=abc"), AUTH_MORE);
	assert_string_not_equal(strstr(challenge, ",s="), salt);
}

static void
channel_bindings(void **state)
{
	(void)state;
	/* Nothing to bind to. */
	begin(PLUS);
	assert_int_equal(say("p=tls-exporter,,n=user,r=abc"), AUTH_DENY);
	peer.exporter = fixture_span("exported");
	assert_int_equal(
		log_in(PLUS, "p=tls-exporter,,", "n=user,r=abc", "exported", "pencil"),
		AUTH_MORE);
	assert_int_equal(say(""), AUTH_OK);
	/* Another channel, or none, in c=. */
	assert_int_equal(
		log_in(PLUS, "p=tls-exporter,,", "n=user,r=abc", "exporter", "pencil"),
		AUTH_DENY);
	assert_string_equal(exchange.out.reason, "wrong channel binding");
	assert_int_equal(log_in(PLUS, "p=tls-exporter,,", "n=user,r=abc", "", "pencil"),
		AUTH_DENY);
	begin(PLUS);
	assert_int_equal(say("p=tls-server-end-point,,n=user,r=abc"), AUTH_DENY);
	begin(PLUS);
	assert_int_equal(say("p=tls-unique,,n=user,r=abc"), AUTH_DENY);
	begin(PLUS);
	assert_int_equal(say("n,,n=user,r=abc"), AUTH_DENY);
	begin(PLAIN);
	assert_int_equal(say("p=tls-exporter,,n=user,r=abc"), AUTH_DENY);
	/* Somebody told the client that there is no -PLUS. */
	begin(PLAIN);
	assert_int_equal(say("y,,n=user,r=abc"), AUTH_DENY);
	assert_string_equal(exchange.out.reason, "channel binding was negotiated away");
	assert_int_equal(log_in(PLAIN, "n,,", "n=user,r=abc", "", "pencil"), AUTH_MORE);
	peer.exporter = (struct auth_span){NULL, 0};
	peer.end_point = fixture_span("point");
	assert_int_equal(log_in(PLUS, "p=tls-server-end-point,,", "n=user,r=abc", "point",
				 "pencil"),
		AUTH_MORE);
}

static void
final_message_is_bound_to_the_first(void **state)
{
	struct client client = {.bare = "n=user,r=abc", .header = "n,,"};
	char text[2048];

	(void)state;
	client.password = "pencil";
	/* c= of another header */
	begin(PLAIN);
	assert_int_equal(say("n,,n=user,r=abc"), AUTH_MORE);
	(void)snprintf(client.server_first, sizeof(client.server_first), "%s", challenge);
	(void)snprintf(client.header, sizeof(client.header), "y,,");
	client_final(&client, text);
	assert_int_equal(say(text), AUTH_DENY);
	assert_string_equal(exchange.out.reason, "wrong channel binding");
	/* The nonce of another exchange: a replay. */
	(void)snprintf(client.header, sizeof(client.header), "n,,");
	client_final(&client, text);
	begin(PLAIN);
	assert_int_equal(say("n,,n=user,r=abc"), AUTH_MORE);
	assert_int_equal(say(text), AUTH_DENY);
	assert_string_equal(exchange.out.reason, "wrong nonce");
	/* The client's part of the nonce alone. */
	begin(PLAIN);
	assert_int_equal(say("n,,n=user,r=abc"), AUTH_MORE);
	assert_int_equal(
		say("c=biws,r=abc,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ="),
		AUTH_DENY);
}

static void
names_and_malformed_messages(void **state)
{
	static const char *const messages[] = {"n,,n=us=er,r=abc", "n,,n=user=,r=abc",
		("n,,n=us\x01"
		 "er,r=abc"),
		"n,a=other,n=user,r=abc", "n,a=us=er,n=user,r=abc", "n,,m=1,n=user,r=abc",
		"n,,n=user,r=abc,m=1", "n,,n=user", "user"};

	(void)state;
	for (size_t i = 0; i < sizeof(messages) / sizeof(messages[0]); i++) {
		begin(PLAIN);
		assert_int_equal(say(messages[i]), AUTH_DENY);
		assert_string_not_equal(exchange.out.reason, "");
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
test_mech_scram(void)
{
	const struct CMUnitTest tests[] = {
		TEST(right_password),
		TEST(client_begins),
		TEST(last_message_is_empty),
		TEST(refusals_come_at_the_proof),
		TEST(made_up_keys_stay_the_same),
		TEST(channel_bindings),
		TEST(final_message_is_bound_to_the_first),
		TEST(names_and_malformed_messages),
	};

	return cmocka_run_group_tests_name("mech_scram", tests, NULL, NULL);
}
