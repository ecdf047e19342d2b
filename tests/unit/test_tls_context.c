#include "tests/unit/tls_handshake.h"

#include <stdio.h>
#include <stdlib.h>

#include "tests/unit/tests.h"

static struct tls_talk talk;

static bool
shake(struct tls_pair *pair, const struct tls_client *wish)
{
	return tls_talk_begin(&talk, pair->context, wish);
}

static void
both_versions_are_spoken(void **state)
{
	static const struct tls_client new = {.version = TLS1_3_VERSION};
	static const struct tls_client old = {.version = TLS1_2_VERSION};
	struct tls_pair pair = tls_pair_make(NULL);

	(void)state;
	assert_true(shake(&pair, &new));
	assert_string_equal(SSL_get_version(talk.server), "TLSv1.3");
	assert_true(tls_talk_showed(&talk, &tls_fixture_main));
	tls_talk_end(&talk);
	assert_true(shake(&pair, &old));
	assert_string_equal(SSL_get_version(talk.server), "TLSv1.2");
	assert_true(tls_talk_showed(&talk, &tls_fixture_main));
	tls_talk_end(&talk);
	tls_pair_free(&pair);
}

static void
older_versions_are_refused(void **state)
{
	static const int versions[] = {TLS1_VERSION, TLS1_1_VERSION};
	struct tls_pair pair = tls_pair_make(NULL);

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		const struct tls_client wish = {.version = versions[i]};
		assert_false(shake(&pair, &wish));
		assert_int_equal(talk.server_reason, SSL_R_UNSUPPORTED_PROTOCOL);
		tls_talk_end(&talk);
	}
	tls_pair_free(&pair);
}

static void
versions_are_as_configured(void **state)
{
	static const struct tls_client new = {.version = TLS1_3_VERSION};
	static const struct tls_client old = {.version = TLS1_2_VERSION};
	struct tls_pair pair;

	(void)state;
	tls_fixture_setup.protocols = "TLSv1.3";
	pair = tls_pair_make(NULL);
	assert_false(shake(&pair, &old));
	tls_talk_end(&talk);
	assert_true(shake(&pair, &new));
	tls_talk_end(&talk);
	tls_pair_free(&pair);
	tls_fixture_setup.protocols = "TLSv1.2";
	pair = tls_pair_make(NULL);
	assert_false(shake(&pair, &new));
	tls_talk_end(&talk);
	assert_true(shake(&pair, &old));
	tls_talk_end(&talk);
	tls_pair_free(&pair);
}

/* One of the setup's words is wrong: no context, and a text that names its key. */
static void
expect_refusal(const char **word, const char *value, const char *text)
{
	const char *before = *word;

	*word = value;
	tls_pair_refused(text);
	*word = before;
}

static void
unknown_words_are_refused(void **state)
{
	struct tls_setup *s = &tls_fixture_setup;

	(void)state;
	expect_refusal(&s->protocols, "TLSv1.1", "error tls.protocols: ");
	expect_refusal(&s->protocols, "TLSv1.2 SSLv3", "error tls.protocols: ");
	expect_refusal(&s->protocols, " ", "error tls.protocols: ");
	expect_refusal(&s->ciphers, "ECDHE+AESGM", "error tls.ciphers: ECDHE+AESGM");
	expect_refusal(&s->ciphers, "ECDHE+AESGCM:NOPE", "error tls.ciphers: NOPE");
	expect_refusal(&s->ciphers, "HIGH:!NOPE", "error tls.ciphers: !NOPE");
	expect_refusal(&s->ciphers, "ECDHE+AESGCM:AES128-GCM-SHA256",
		"error tls.ciphers: AES128-GCM-SHA256");
	expect_refusal(&s->ciphers, "kRSA", "error tls.ciphers: kRSA");
	expect_refusal(&s->ciphers, "HIGH:@SECLEVEL=9", "error tls.ciphers: ");
	expect_refusal(&s->ciphersuites, "TLS_AES_128_GCM_SHA256:TLS_NOPE",
		"error tls.ciphersuites: TLS_NOPE");
	expect_refusal(&s->groups, "X25519:P-257", "error tls.groups: P-257");
}

static void
known_words_are_taken(void **state)
{
	static const char *const lists[] = {"", "DEFAULT", "HIGH:!aNULL:!MD5:!RC4:!3DES",
		"ECDHE+AESGCM:!kRSA",
		"ECDHE-ECDSA-AES128-GCM-SHA256,ECDHE+AESGCM -AES128 +SHA1 @STRENGTH",
		"DEFAULT:@SECLEVEL=2"};
	static const struct tls_client old = {.version = TLS1_2_VERSION};

	(void)state;
	for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
		struct tls_pair pair;
		tls_fixture_setup.ciphers = lists[i];
		tls_fixture_setup.ciphersuites = i == 0 ? "" : "TLS_AES_128_GCM_SHA256";
		tls_fixture_setup.groups = i == 0 ? "" : "P-384:X25519";
		pair = tls_pair_make(NULL);
		assert_true(shake(&pair, &old));
		tls_talk_end(&talk);
		tls_pair_free(&pair);
	}
}

static void
weak_ciphers_cannot_be_asked_for(void **state)
{
	struct tls_pair pair;
	const SSL_CTX *ctx;
	SSL *ssl;

	(void)state;
	tls_fixture_setup.ciphers = "ALL:@SECLEVEL=0";
	pair = tls_pair_make(NULL);
	ssl = tls_context_connection(pair.context);
	assert_non_null(ssl);
	ctx = SSL_get_SSL_CTX(ssl);
	assert_int_equal(SSL_CTX_get_security_level(ctx), 2);
	assert_int_equal(SSL_get_security_level(ssl), 2);
	SSL_free(ssl);
	tls_pair_free(&pair);
}

/* None of any list, not even of OpenSSL's own. */
static void
keys_are_not_exchanged_by_rsa(void **state)
{
	static const char *const lists[] = {"", "ALL", "HIGH"};

	(void)state;
	for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
		struct tls_pair pair;
		STACK_OF(SSL_CIPHER) * all;
		SSL *ssl;
		tls_fixture_setup.ciphers = lists[i];
		pair = tls_pair_make(NULL);
		ssl = tls_context_connection(pair.context);
		all = SSL_get_ciphers(ssl);
		assert_true(sk_SSL_CIPHER_num(all) > 0);
		for (int j = 0; j < sk_SSL_CIPHER_num(all); j++)
			assert_int_not_equal(
				SSL_CIPHER_get_kx_nid(sk_SSL_CIPHER_value(all, j)),
				NID_kx_rsa);
		SSL_free(ssl);
		tls_pair_free(&pair);
	}
}

static void
the_protocol_is_pop3_if_one_is_named(void **state)
{
	static const struct tls_client right = {.protocol = "pop3"};
	static const struct tls_client wrong = {.protocol = "imap"};
	static const struct tls_client close = {.protocol = "pop33"};
	struct tls_pair pair = tls_pair_make(NULL);
	const unsigned char *selected;
	unsigned n;

	(void)state;
	assert_true(shake(&pair, &right));
	SSL_get0_alpn_selected(talk.client, &selected, &n);
	assert_int_equal(n, 4);
	assert_memory_equal(selected, "pop3", 4);
	tls_talk_end(&talk);
	assert_false(shake(&pair, &wrong));
	assert_int_equal(talk.client_reason, SSL_R_TLSV1_ALERT_NO_APPLICATION_PROTOCOL);
	tls_talk_end(&talk);
	assert_false(shake(&pair, &close));
	tls_talk_end(&talk);
	tls_pair_free(&pair);
}

static void
renegotiation_is_refused(void **state)
{
	static const struct tls_client old = {.version = TLS1_2_VERSION};
	struct tls_pair pair = tls_pair_make(NULL);
	char octet;
	int n;

	(void)state;
	assert_true(shake(&pair, &old));
	assert_int_equal(SSL_renegotiate(talk.client), 1);
	(void)SSL_do_handshake(talk.client);
	n = SSL_read(talk.server, &octet, 1);
	assert_int_equal(SSL_get_error(talk.server, n), SSL_ERROR_WANT_READ);
	assert_int_not_equal(SSL_do_handshake(talk.client), 1);
	n = SSL_get_error(talk.client, -1);
	assert_int_equal(n, SSL_ERROR_SSL);
	assert_true(SSL_is_init_finished(talk.server));
	tls_talk_end(&talk);
	tls_pair_free(&pair);
}

/* A client without ECDSA is shown the other one. */
static void
the_kind_of_key_is_the_clients_choice(void **state)
{
	static const struct tls_fixture_wish wish = {
		.kind = "RSA", .common_name = "main.example.org"};
	static const int versions[] = {TLS1_2_VERSION, TLS1_3_VERSION};
	struct tls_fixture_identity rsa = tls_fixture_make(&wish);
	struct tls_pair pair;
	char certificates[600], keys[600];

	(void)state;
	tls_fixture_pem("rsa.pem", 0600, &rsa, NULL, rsa.key);
	(void)snprintf(certificates, sizeof(certificates), "%s %s",
		tls_fixture_setup.certificate, fixture_path("rsa.pem"));
	(void)snprintf(keys, sizeof(keys), "%s %s", tls_fixture_setup.key,
		fixture_path("rsa.pem"));
	tls_fixture_setup.certificate = certificates;
	tls_fixture_setup.key = keys;
	pair = tls_pair_make(NULL);
	for (size_t i = 0; i < 2; i++) {
		struct tls_client client = {.version = versions[i],
			.signatures = "RSA-PSS+SHA256:RSA+SHA256"};
		assert_true(shake(&pair, &client));
		assert_true(tls_talk_showed(&talk, &rsa));
		tls_talk_end(&talk);
		client.signatures = "ECDSA+SHA256";
		assert_true(shake(&pair, &client));
		assert_true(tls_talk_showed(&talk, &tls_fixture_main));
		tls_talk_end(&talk);
	}
	tls_pair_free(&pair);
	tls_fixture_free(&rsa);
}

static void
pairs_that_do_not_fit_are_refused(void **state)
{
	static const struct tls_fixture_wish wish = {.common_name = "x"};
	static const struct tls_fixture_wish rsa_wish = {.kind = "RSA"};
	struct tls_fixture_identity other = tls_fixture_make(&wish);
	struct tls_fixture_identity rsa = tls_fixture_make(&rsa_wish);

	(void)state;
	tls_fixture_pem("main.key", 0600, NULL, NULL, other.key);
	tls_pair_refused("main.key: key values mismatch");
	tls_fixture_pem("main.key", 0600, NULL, NULL, rsa.key);
	tls_pair_refused("error tls.key: ");
	fixture_write("main.key", "no PEM\n", 7, 0600);
	tls_pair_refused("error tls.key: ");
	fixture_write("main.key", "", 0, 0600);
	tls_pair_refused("error tls.key: ");
	tls_fixture_pem("main.pem", 0600, NULL, NULL, other.key);
	tls_pair_refused("error tls.certificate: ");
	tls_fixture_free(&other);
	tls_fixture_free(&rsa);
}

/* A chain that breaks off in the middle is no chain. */
static void
broken_chains_are_refused(void **state)
{
	size_t n;
	char *text;

	(void)state;
	tls_fixture_pem("main.pem", 0644, &tls_fixture_main, &tls_fixture_main, NULL);
	text = fixture_read("main.pem", &n);
	fixture_write("main.pem", text, n - 40, 0644);
	free(text);
	tls_pair_refused("error tls.certificate: ");
}

static void
keys_with_a_password_are_refused(void **state)
{
	static const char text[] =
		"-----BEGIN EC PRIVATE KEY-----\n"
		"Proc-Type: 4,ENCRYPTED\n"
		"DEK-Info: AES-256-CBC,00112233445566778899AABBCCDDEEFF\n\n"
		"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n"
		"-----END EC PRIVATE KEY-----\n";

	(void)state;
	fixture_write("main.key", text, sizeof(text) - 1, 0600);
	tls_pair_refused("main.key: has a password");
}

static void
the_whole_chain_is_sent(void **state)
{
	static const struct tls_fixture_wish ca_wish = {
		.common_name = "CA", .authority = true};
	struct tls_fixture_identity ca = tls_fixture_make(&ca_wish);
	const struct tls_fixture_wish wish = {.common_name = "leaf", .issuer = &ca};
	struct tls_fixture_identity leaf = tls_fixture_make(&wish);
	static const struct tls_client client = {0};
	struct tls_pair pair;

	(void)state;
	tls_fixture_pem("main.pem", 0644, &leaf, &ca, NULL);
	tls_fixture_pem("main.key", 0600, NULL, NULL, leaf.key);
	pair = tls_pair_make(NULL);
	assert_true(shake(&pair, &client));
	assert_int_equal(sk_X509_num(SSL_get_peer_cert_chain(talk.client)), 2);
	assert_true(tls_talk_showed(&talk, &leaf));
	tls_talk_end(&talk);
	tls_pair_free(&pair);
	tls_fixture_free(&leaf);
	tls_fixture_free(&ca);
}

int
test_tls_context(void)
{
#define TEST(name)                                                                       \
	cmocka_unit_test_setup_teardown(name, tls_fixture_set_up, tls_fixture_tear_down)
	const struct CMUnitTest tests[] = {
		TEST(both_versions_are_spoken),
		TEST(older_versions_are_refused),
		TEST(versions_are_as_configured),
		TEST(unknown_words_are_refused),
		TEST(known_words_are_taken),
		TEST(weak_ciphers_cannot_be_asked_for),
		TEST(keys_are_not_exchanged_by_rsa),
		TEST(the_protocol_is_pop3_if_one_is_named),
		TEST(renegotiation_is_refused),
		TEST(the_kind_of_key_is_the_clients_choice),
		TEST(pairs_that_do_not_fit_are_refused),
		TEST(broken_chains_are_refused),
		TEST(keys_with_a_password_are_refused),
		TEST(the_whole_chain_is_sent),
	};

	return cmocka_run_group_tests_name("tls_context", tests, NULL, NULL);
}
