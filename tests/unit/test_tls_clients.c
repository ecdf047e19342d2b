#include "tests/unit/tls_handshake.h"

#include <stdlib.h>
#include <string.h>

#include "pop3d/tls/peer.h"
#include "tests/unit/tests.h"

static struct tls_talk talk;
static struct tls_info info;
static struct tls_fixture_identity ca, ann;

static int
set_up(void **state)
{
	static const struct tls_fixture_wish ca_wish = {
		.common_name = "CA", .authority = true};
	const struct tls_fixture_wish wish = {.common_name = "ann",
		.names = "email:ann@example.org,DNS:x.example.org",
		.usage = "clientAuth",
		.issuer = &ca};

	if (tls_fixture_set_up(state) != 0)
		return -1;
	ca = tls_fixture_make(&ca_wish);
	ann = tls_fixture_make(&wish);
	tls_fixture_pem("ca.pem", 0644, &ca, NULL, NULL);
	tls_fixture_setup.client_ca = tls_fixture_path("ca.pem");
	tls_fixture_setup.client_certificate = TLS_CLIENT_REQUIRED;
	return 0;
}

static int
tear_down(void **state)
{
	tls_fixture_free(&ann);
	tls_fixture_free(&ca);
	return tls_fixture_tear_down(state);
}

/* Whether a client with a certificate, or without, gets in; info says as whom. */
static bool
admitted_with(struct tls_pair *pair, const struct tls_fixture_identity *identity,
	const struct tls_fixture_identity *issuer)
{
	static const int versions[] = {TLS1_2_VERSION, TLS1_3_VERSION};
	bool good[2];

	for (size_t i = 0; i < 2; i++) {
		const struct tls_client wish = {
			.version = versions[i], .identity = identity, .issuer = issuer};
		good[i] = tls_talk_begin(&talk, pair->context, &wish);
		if (good[i])
			tls_peer_describe(talk.server, &info);
		tls_talk_end(&talk);
	}
	assert_int_equal(good[0], good[1]);
	return good[0];
}

static bool
admitted(const struct tls_fixture_identity *identity)
{
	struct tls_pair pair = tls_pair_make(NULL);
	bool good = admitted_with(&pair, identity, NULL);

	tls_pair_free(&pair);
	return good;
}

static void
a_good_certificate_is_described(void **state)
{
	const struct tls_certificate *c = &info.certificate;

	(void)state;
	assert_true(admitted(&ann));
	assert_true(c->verified);
	assert_string_equal(c->common_name, "ann");
	assert_string_equal(c->subject, "CN=ann,O=Example");
	assert_int_equal(strlen(c->fingerprint), 64);
	assert_int_equal(c->n_emails, 1);
	assert_string_equal(c->emails[0], "ann@example.org");
}

static void
none_is_asked_for_unless_wanted(void **state)
{
	static const struct tls_info nothing;

	(void)state;
	assert_false(admitted(NULL));
	tls_fixture_setup.client_certificate = TLS_CLIENT_OPTIONAL;
	assert_true(admitted(NULL));
	assert_memory_equal(
		&info.certificate, &nothing.certificate, sizeof(info.certificate));
	assert_true(admitted(&ann));
	assert_true(info.certificate.verified);
	tls_fixture_setup.client_certificate = TLS_CLIENT_NONE;
	assert_true(admitted(&ann));
	assert_memory_equal(
		&info.certificate, &nothing.certificate, sizeof(info.certificate));
}

static void
the_client_is_told_who_may_sign(void **state)
{
	static const struct tls_client wish = {0};
	struct tls_pair pair;
	const STACK_OF(X509_NAME) * names;

	(void)state;
	tls_fixture_setup.client_certificate = TLS_CLIENT_OPTIONAL;
	pair = tls_pair_make(NULL);
	assert_true(tls_talk_begin(&talk, pair.context, &wish));
	names = SSL_get0_peer_CA_list(talk.client);
	assert_int_equal(sk_X509_NAME_num(names), 1);
	assert_int_equal(X509_NAME_cmp(sk_X509_NAME_value(names, 0),
				 X509_get_subject_name(ca.x509)),
		0);
	tls_talk_end(&talk);
	tls_pair_free(&pair);
}

/* Optional means none, not a bad one. */
static void
bad_certificates_end_the_handshake(void **state)
{
	struct tls_fixture_wish wish = {.common_name = "ann"};
	struct tls_fixture_identity stranger = tls_fixture_make(&wish), late, server;

	(void)state;
	wish.issuer = &ca;
	wish.until = -60;
	late = tls_fixture_make(&wish);
	wish.until = 0;
	wish.usage = "serverAuth";
	server = tls_fixture_make(&wish);
	tls_fixture_setup.client_certificate = TLS_CLIENT_OPTIONAL;
	assert_false(admitted(&stranger));
	assert_false(admitted(&late));
	assert_false(admitted(&server));
	tls_fixture_free(&stranger);
	tls_fixture_free(&late);
	tls_fixture_free(&server);
}

static void
revoked_certificates_are_refused(void **state)
{
	const struct tls_fixture_wish wish = {.common_name = "ben", .issuer = &ca};
	struct tls_fixture_identity ben = tls_fixture_make(&wish);

	(void)state;
	tls_fixture_setup.client_crl = tls_fixture_path("crl.pem");
	tls_fixture_crl("crl.pem", &ca, &ben, TLS_FIXTURE_DAY);
	assert_true(admitted(&ann));
	assert_false(admitted(&ben));
	tls_fixture_free(&ben);
}

static void
lists_must_be_there_and_valid(void **state)
{
	static const struct tls_fixture_wish other_wish = {
		.common_name = "Other", .authority = true};
	struct tls_fixture_identity other = tls_fixture_make(&other_wish);

	(void)state;
	tls_fixture_setup.client_crl = tls_fixture_path("crl.pem");
	tls_fixture_crl("crl.pem", &other, NULL, TLS_FIXTURE_DAY);
	assert_false(admitted(&ann));
	tls_fixture_crl("crl.pem", &ca, NULL, TLS_FIXTURE_DAY);
	assert_true(admitted(&ann));
	fixture_write("crl.pem", "", 0, 0644);
	tls_fixture_crl("crl.pem", &ca, NULL, -60);
	assert_false(admitted(&ann));
	tls_fixture_free(&other);
}

/* The setup names the one who signs; its own authority need not be there. */
static void
an_authority_need_not_be_a_root(void **state)
{
	const struct tls_fixture_wish middle_wish = {
		.common_name = "Middle", .authority = true, .issuer = &ca};
	struct tls_fixture_identity middle = tls_fixture_make(&middle_wish), cat, dan;
	struct tls_fixture_wish wish = {.common_name = "cat", .issuer = &middle};
	struct tls_pair pair;

	(void)state;
	cat = tls_fixture_make(&wish);
	dan = tls_fixture_make(&wish);
	tls_fixture_pem("ca.pem", 0644, &middle, NULL, NULL);
	assert_true(admitted(&cat));
	assert_false(admitted(&ann));
	tls_fixture_setup.client_crl = tls_fixture_path("crl.pem");
	tls_fixture_crl("crl.pem", &middle, &dan, TLS_FIXTURE_DAY);
	assert_true(admitted(&cat));
	assert_false(admitted(&dan));
	/* With the root alone the client shows the one between, which can be revoked. */
	tls_fixture_pem("ca.pem", 0644, &ca, NULL, NULL);
	tls_fixture_crl("crl.pem", &ca, &middle, TLS_FIXTURE_DAY);
	pair = tls_pair_make(NULL);
	assert_false(admitted_with(&pair, &cat, &middle));
	tls_pair_free(&pair);
	tls_fixture_setup.client_crl = "";
	pair = tls_pair_make(NULL);
	assert_true(admitted_with(&pair, &cat, &middle));
	tls_pair_free(&pair);
	tls_fixture_free(&cat);
	tls_fixture_free(&dan);
	tls_fixture_free(&middle);
}

static void
unusable_files_are_refused(void **state)
{
	static const char *const names[] = {"ca.pem", "crl.pem"};
	size_t n;
	char *text;

	(void)state;
	tls_fixture_setup.client_crl = tls_fixture_path("crl.pem");
	tls_fixture_crl("crl.pem", &ca, NULL, TLS_FIXTURE_DAY);
	for (size_t i = 0; i < 2; i++) {
		char *whole = fixture_read(names[i], &n);
		/* One that is whole, and one that is cut. */
		text = malloc(2 * n);
		assert_non_null(text);
		memcpy(text, whole, n);
		memcpy(text + n, whole, n);
		for (size_t cut = 0; cut < 2; cut++) {
			fixture_write(names[i], text, cut == 0 ? 0 : 2 * n - 40, 0644);
			tls_pair_refused(i == 0 ? "error tls.client_ca: "
						: "error tls.client_crl: ");
		}
		fixture_write(names[i], whole, n, 0644);
		free(text);
		free(whole);
	}
	tls_fixture_setup.client_ca = "";
	assert_null(material_load(&tls_fixture_setup, &tls_fixture_report));
	assert_true(tls_fixture_complained("tls.client_ca"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int
test_tls_clients(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_good_certificate_is_described),
		TEST(none_is_asked_for_unless_wanted),
		TEST(the_client_is_told_who_may_sign),
		TEST(bad_certificates_end_the_handshake),
		TEST(revoked_certificates_are_refused),
		TEST(lists_must_be_there_and_valid),
		TEST(an_authority_need_not_be_a_root),
		TEST(unusable_files_are_refused),
	};

	return cmocka_run_group_tests_name("tls_clients", tests, NULL, NULL);
}
