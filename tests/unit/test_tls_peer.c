#include "tests/unit/tls_handshake.h"

#include <openssl/x509v3.h>
#include <string.h>

#include "pop3d/tls/peer.h"
#include "tests/unit/tests.h"

static struct tls_talk talk;
static struct tls_info info;
static struct tls_fixture_identity ca;

static int
set_up(void **state)
{
	static const struct tls_fixture_wish wish = {
		.common_name = "CA", .authority = true};

	if (tls_fixture_set_up(state) != 0)
		return -1;
	ca = tls_fixture_make(&wish);
	return 0;
}

static int
tear_down(void **state)
{
	tls_fixture_free(&ca);
	return tls_fixture_tear_down(state);
}

/* The certificate of the server by SHA-2 of a size; what RFC 5929 calls its hash. */
static void
expect_end_point(const struct tls_fixture_identity *identity, const EVP_MD *digest)
{
	unsigned char expected[EVP_MAX_MD_SIZE];
	unsigned n;

	assert_int_equal(X509_digest(identity->x509, digest, expected, &n), 1);
	assert_int_equal(info.end_point.n, n);
	assert_memory_equal(info.end_point.data, expected, n);
}

/* Both sides must come to the same, each on its own. */
static void
expect_exporter(void)
{
	unsigned char expected[32];

	assert_int_equal(
		SSL_export_keying_material(talk.client, expected, sizeof(expected),
			"EXPORTER-Channel-Binding", 24, (const unsigned char *)"", 0, 1),
		1);
	assert_int_equal(info.exporter.n, sizeof(expected));
	assert_memory_equal(info.exporter.data, expected, sizeof(expected));
}

static void
expect_unique(bool resumed)
{
	unsigned char expected[TLS_BINDING_MAX];
	size_t n =
		resumed ? SSL_get_peer_finished(talk.client, expected, sizeof(expected))
			: SSL_get_finished(talk.client, expected, sizeof(expected));

	assert_int_equal(n, 12);
	assert_int_equal(info.unique.n, n);
	assert_memory_equal(info.unique.data, expected, n);
}

static void
bindings_are_those_of_the_client(void **state)
{
	static const struct tls_client new = {
		.version = TLS1_3_VERSION, .name = "Main.example.org"};
	static const struct tls_client old = {.version = TLS1_2_VERSION};
	struct tls_pair pair = tls_pair_make(NULL);

	(void)state;
	assert_true(tls_talk_begin(&talk, pair.context, &new));
	tls_peer_describe(talk.server, &info);
	assert_string_equal(info.protocol, "TLSv1.3");
	assert_string_equal(info.cipher, "TLS_AES_256_GCM_SHA384");
	assert_string_equal(info.sni, "Main.example.org");
	assert_false(info.resumed);
	expect_exporter();
	assert_int_equal(info.unique.n, 0);
	expect_end_point(&tls_fixture_main, EVP_sha256());
	tls_talk_end(&talk);
	assert_true(tls_talk_begin(&talk, pair.context, &old));
	tls_peer_describe(talk.server, &info);
	assert_string_equal(info.protocol, "TLSv1.2");
	assert_string_equal(info.sni, "");
	expect_exporter();
	expect_unique(false);
	expect_end_point(&tls_fixture_main, EVP_sha256());
	tls_talk_end(&talk);
	tls_pair_free(&pair);
}

/* Without an extended master secret a man in the middle can have two alike. */
static void
old_keys_are_not_bound(void **state)
{
	static const struct tls_client old = {
		.version = TLS1_2_VERSION, .no_extended_master_secret = true};
	struct tls_pair pair = tls_pair_make(NULL);

	(void)state;
	assert_true(tls_talk_begin(&talk, pair.context, &old));
	tls_peer_describe(talk.server, &info);
	assert_int_equal(info.exporter.n, 0);
	assert_int_equal(info.unique.n, 0);
	expect_end_point(&tls_fixture_main, EVP_sha256());
	tls_talk_end(&talk);
	tls_pair_free(&pair);
}

/* A session that is taken up is bound by its own Finished and the first certificate. */
static void
resumed_sessions_are_bound(void **state)
{
	static const int versions[] = {TLS1_2_VERSION, TLS1_3_VERSION};
	const struct ticket_keys keys = tls_talk_keys(1);
	struct tls_pair pair = tls_pair_make(&keys);

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct tls_client wish = {.version = versions[i]};
		assert_true(tls_talk_begin(&talk, pair.context, &wish));
		wish.session = tls_talk_session(&talk);
		assert_non_null(wish.session);
		tls_talk_end(&talk);
		assert_true(tls_talk_begin(&talk, pair.context, &wish));
		tls_peer_describe(talk.server, &info);
		assert_true(info.resumed);
		expect_exporter();
		if (versions[i] == TLS1_2_VERSION)
			expect_unique(true);
		expect_end_point(&tls_fixture_main, EVP_sha256());
		tls_talk_end(&talk);
		SSL_SESSION_free(wish.session);
	}
	tls_pair_free(&pair);
}

/*
 * The client knows the certificate that it was shown once; the server's may be another by
 * now, and it may have several.
 */
static void
resumed_sessions_keep_their_end_point(void **state)
{
	static const int versions[] = {TLS1_2_VERSION, TLS1_3_VERSION};
	static const struct tls_fixture_wish renewed_wish = {.common_name = "renewed"};
	struct tls_fixture_identity renewed = tls_fixture_make(&renewed_wish);
	const struct ticket_keys keys = tls_talk_keys(1);
	struct ticket_keys newer = tls_talk_keys(2);

	(void)state;
	memcpy(newer.keys[1], keys.keys[0], sizeof(newer.keys[1]));
	newer.n = 2;
	for (size_t i = 0; i < 2; i++) {
		struct tls_client wish = {.version = versions[i]};
		struct tls_pair pair;
		tls_fixture_pem("main.pem", 0644, &tls_fixture_main, NULL, NULL);
		tls_fixture_pem("main.key", 0600, NULL, NULL, tls_fixture_main.key);
		pair = tls_pair_make(&keys);
		assert_true(tls_talk_begin(&talk, pair.context, &wish));
		wish.session = tls_talk_session(&talk);
		tls_talk_end(&talk);
		tls_pair_free(&pair);
		tls_fixture_pem("main.pem", 0644, &renewed, NULL, NULL);
		tls_fixture_pem("main.key", 0600, NULL, NULL, renewed.key);
		pair = tls_pair_make(&newer);
		/* Twice: the ticket of a resumed session, renewed, tells it as well. */
		for (int turn = 0; turn < 2; turn++) {
			assert_true(tls_talk_begin(&talk, pair.context, &wish));
			tls_peer_describe(talk.server, &info);
			assert_true(info.resumed);
			expect_end_point(&tls_fixture_main, EVP_sha256());
			SSL_SESSION_free(wish.session);
			wish.session = tls_talk_session(&talk);
			tls_talk_end(&talk);
		}
		SSL_SESSION_free(wish.session);
		tls_pair_free(&pair);
	}
	tls_fixture_free(&renewed);
}

static void
end_points_are_hashed_as_they_are_signed(void **state)
{
	static const struct tls_client client = {0};
	static const struct {
		struct tls_fixture_wish wish;
		const EVP_MD *(*digest)(void);
	} cases[] = {{{.digest = "SHA384"}, EVP_sha384},
		{{.digest = "SHA512"}, EVP_sha512}, {{.kind = "RSA"}, EVP_sha256},
		{{.kind = "RSA-PSS", .digest = "SHA384"}, EVP_sha384},
		{{.kind = "ED25519"}, NULL}};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct tls_fixture_identity made = tls_fixture_make(&cases[i].wish);
		struct tls_pair pair;
		tls_fixture_pem("main.pem", 0644, &made, NULL, NULL);
		tls_fixture_pem("main.key", 0600, NULL, NULL, made.key);
		pair = tls_pair_make(NULL);
		assert_true(tls_talk_begin(&talk, pair.context, &client));
		tls_peer_describe(talk.server, &info);
		if (cases[i].digest != NULL)
			expect_end_point(&made, cases[i].digest());
		else
			assert_int_equal(info.end_point.n, 0);
		tls_talk_end(&talk);
		tls_pair_free(&pair);
		tls_fixture_free(&made);
	}
}

/* What the server makes of a client's certificate that it trusts. */
static void
describe_client(const struct tls_fixture_wish *wish, void (*change)(X509 *x509))
{
	struct tls_fixture_identity made = tls_fixture_make_with(wish, change);
	const struct tls_client client = {.identity = &made};
	struct tls_pair pair;

	tls_fixture_pem("ca.pem", 0644, &ca, NULL, NULL);
	tls_fixture_setup.client_ca = tls_fixture_path("ca.pem");
	tls_fixture_setup.client_certificate = TLS_CLIENT_REQUIRED;
	pair = tls_pair_make(NULL);
	assert_true(tls_talk_begin(&talk, pair.context, &client));
	tls_peer_describe(talk.server, &info);
	assert_true(info.certificate.verified);
	assert_int_equal(strlen(info.certificate.fingerprint), 64);
	tls_talk_end(&talk);
	tls_pair_free(&pair);
	tls_fixture_free(&made);
}

static void
add_common_name(X509 *x509)
{
	assert_int_equal(
		X509_NAME_add_entry_by_NID(X509_get_subject_name(x509), NID_commonName,
			MBSTRING_UTF8, (const unsigned char *)"b\nad", 4, -1, 0),
		1);
}

static void
common_names_must_be_plain_and_single(void **state)
{
	struct tls_fixture_wish wish = {.issuer = &ca};
	char long_name[65]; /* as X.520 allows */

	(void)state;
	describe_client(&wish, NULL);
	assert_string_equal(info.certificate.common_name, "");
	assert_string_equal(info.certificate.subject, "O=Example");
	describe_client(&wish, add_common_name);
	assert_string_equal(info.certificate.common_name, "");
	assert_string_equal(info.certificate.subject, "CN=b\\0Aad,O=Example");
	wish.common_name = "J\xc3\xb6rg, root";
	describe_client(&wish, NULL);
	assert_string_equal(info.certificate.common_name, "J\xc3\xb6rg, root");
	assert_string_equal(info.certificate.subject, "CN=J\xc3\xb6rg\\, root,O=Example");
	describe_client(&wish, add_common_name);
	assert_string_equal(info.certificate.common_name, "");
	memset(long_name, 'n', 64);
	long_name[64] = '\0';
	wish.common_name = long_name;
	describe_client(&wish, NULL);
	assert_string_equal(info.certificate.common_name, long_name);
}

static void
email_add(GENERAL_NAMES *names, const char *text, size_t n)
{
	GENERAL_NAME *name = GENERAL_NAME_new();
	ASN1_IA5STRING *string = ASN1_IA5STRING_new();

	assert_int_equal(ASN1_STRING_set(string, text, (int)n), 1);
	GENERAL_NAME_set0_value(name, GEN_EMAIL, string);
	assert_true(sk_GENERAL_NAME_push(names, name) > 0);
}

static void
add_emails(X509 *x509)
{
	GENERAL_NAMES *names = GENERAL_NAMES_new();
	char text[TLS_NAME_MAX + 1];

	memset(text, 'm', sizeof(text));
	email_add(names, "root\0@example.org", 17);
	email_add(names, "ann@example.org", 15);
	email_add(names, "b\ren@example.org", 16);
	email_add(names, "", 0);
	email_add(names, text, sizeof(text));
	email_add(names, text, sizeof(text) - 1);
	email_add(names, "c@example.org", 13);
	email_add(names, "d@example.org", 13);
	email_add(names, "e@example.org", 13);
	assert_int_equal(X509_add1_ext_i2d(x509, NID_subject_alt_name, names, 0,
				 X509V3_ADD_DEFAULT),
		1);
	GENERAL_NAMES_free(names);
}

static void
addresses_must_be_plain(void **state)
{
	const struct tls_fixture_wish wish = {.issuer = &ca};
	const struct tls_certificate *c = &info.certificate;

	(void)state;
	describe_client(&wish, add_emails);
	assert_int_equal(c->n_emails, TLS_EMAILS_MAX);
	assert_true(c->emails_left_out);
	assert_string_equal(c->emails[0], "ann@example.org");
	assert_int_equal(strlen(c->emails[1]), TLS_NAME_MAX);
	assert_string_equal(c->emails[2], "c@example.org");
	assert_string_equal(c->emails[3], "d@example.org");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int
test_tls_peer(void)
{
	const struct CMUnitTest tests[] = {
		TEST(bindings_are_those_of_the_client),
		TEST(old_keys_are_not_bound),
		TEST(resumed_sessions_are_bound),
		TEST(resumed_sessions_keep_their_end_point),
		TEST(end_points_are_hashed_as_they_are_signed),
		TEST(common_names_must_be_plain_and_single),
		TEST(addresses_must_be_plain),
	};

	return cmocka_run_group_tests_name("tls_peer", tests, NULL, NULL);
}
