#include "tests/unit/tls_handshake.h"

#include <stdlib.h>
#include <sys/stat.h>

#include "tests/unit/tests.h"

static struct tls_talk talk;
static struct tls_fixture_identity exact, wild, ca;

/* Two names beside the main one, in the two layouts of a directory. */
static int
set_up(void **state)
{
	static const struct tls_fixture_wish ca_wish = {
		.common_name = "CA", .authority = true};
	struct tls_fixture_wish wish = {.common_name = "mail.example.org", .issuer = &ca};

	if (tls_fixture_set_up(state) != 0)
		return -1;
	ca = tls_fixture_make(&ca_wish);
	exact = tls_fixture_make(&wish);
	wish.common_name = "*.example.org";
	wild = tls_fixture_make(&wish);
	if (mkdir(fixture_path("names"), 0755) != 0 ||
		mkdir(fixture_path("names/*.example.org"), 0755) != 0)
		return -1;
	tls_fixture_pem("names/mail.example.org.pem", 0600, &exact, &ca, exact.key);
	tls_fixture_pem("names/*.example.org/fullchain.pem", 0644, &wild, &ca, NULL);
	tls_fixture_pem("names/*.example.org/privkey.pem", 0600, NULL, NULL, wild.key);
	tls_fixture_setup.sni = tls_fixture_path("names");
	return 0;
}

static int
tear_down(void **state)
{
	tls_fixture_free(&exact);
	tls_fixture_free(&wild);
	tls_fixture_free(&ca);
	return tls_fixture_tear_down(state);
}

/* What a client that asks for a name is shown, in both versions. */
static void
expect(struct tls_pair *pair, const char *name, const struct tls_fixture_identity *shown)
{
	static const int versions[] = {TLS1_2_VERSION, TLS1_3_VERSION};

	for (size_t i = 0; i < 2; i++) {
		const struct tls_client wish = {.version = versions[i], .name = name};
		assert_true(tls_talk_begin(&talk, pair->context, &wish));
		assert_true(tls_talk_showed(&talk, shown));
		tls_talk_end(&talk);
	}
}

static void
names_choose_the_certificate(void **state)
{
	struct tls_pair pair = tls_pair_make(NULL);

	(void)state;
	expect(&pair, "mail.example.org", &exact);
	expect(&pair, "MAIL.Example.ORG", &exact);
	expect(&pair, "pop.example.org", &wild);
	expect(&pair, "POP.example.ORG", &wild);
	/* A star stands for one label, which is not empty. */
	expect(&pair, "a.pop.example.org", &tls_fixture_main);
	expect(&pair, ".example.org", &tls_fixture_main);
	expect(&pair, "example.org", &tls_fixture_main);
	expect(&pair, "example.net", &tls_fixture_main);
	expect(&pair, "localhost", &tls_fixture_main);
	expect(&pair, NULL, &tls_fixture_main);
	tls_pair_free(&pair);
}

static void
the_chain_of_a_name_is_sent(void **state)
{
	static const struct tls_client wish = {.name = "pop.example.org"};
	struct tls_pair pair = tls_pair_make(NULL);

	(void)state;
	assert_true(tls_talk_begin(&talk, pair.context, &wish));
	assert_int_equal(sk_X509_num(SSL_get_peer_cert_chain(talk.client)), 2);
	tls_talk_end(&talk);
	tls_pair_free(&pair);
}

/* What holds for the main certificate holds for each name. */
static void
names_share_all_else(void **state)
{
	static const struct tls_client wrong = {
		.name = "mail.example.org", .protocol = "imap"};
	static const struct tls_client old = {
		.name = "mail.example.org", .version = TLS1_1_VERSION};
	static const struct tls_client none = {.name = "mail.example.org"};
	struct tls_pair pair;

	(void)state;
	tls_fixture_pem("ca.pem", 0644, &ca, NULL, NULL);
	tls_fixture_setup.client_ca = tls_fixture_path("ca.pem");
	tls_fixture_setup.client_certificate = TLS_CLIENT_REQUIRED;
	pair = tls_pair_make(NULL);
	assert_false(tls_talk_begin(&talk, pair.context, &wrong));
	assert_int_equal(talk.client_reason, SSL_R_TLSV1_ALERT_NO_APPLICATION_PROTOCOL);
	tls_talk_end(&talk);
	assert_false(tls_talk_begin(&talk, pair.context, &old));
	tls_talk_end(&talk);
	assert_false(tls_talk_begin(&talk, pair.context, &none));
	assert_int_equal(talk.server_reason, SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE);
	tls_talk_end(&talk);
	tls_pair_free(&pair);
}

static void
a_name_can_have_keys_of_two_kinds(void **state)
{
	static const struct tls_fixture_wish rsa_wish = {
		.kind = "RSA", .common_name = "mail.example.org"};
	static const struct tls_client wishes[] = {
		{.name = "mail.example.org", .signatures = "RSA-PSS+SHA256:RSA+SHA256"},
		{.name = "mail.example.org", .signatures = "ECDSA+SHA256"}};
	struct tls_fixture_identity rsa = tls_fixture_make(&rsa_wish);
	struct tls_pair pair;

	(void)state;
	assert_int_equal(mkdir(fixture_path("names/mail.example.org"), 0755), 0);
	tls_fixture_pem("names/mail.example.org/fullchain.pem", 0644, &rsa, NULL, NULL);
	tls_fixture_pem("names/mail.example.org/privkey.pem", 0600, NULL, NULL, rsa.key);
	pair = tls_pair_make(NULL);
	assert_true(tls_talk_begin(&talk, pair.context, &wishes[0]));
	assert_true(tls_talk_showed(&talk, &rsa));
	tls_talk_end(&talk);
	assert_true(tls_talk_begin(&talk, pair.context, &wishes[1]));
	assert_true(tls_talk_showed(&talk, &exact));
	tls_talk_end(&talk);
	tls_pair_free(&pair);
	tls_fixture_free(&rsa);
}

/* `pop3d -t` tells of it; until it is mended, mail is served with the main one. */
static void
a_broken_name_has_no_certificate(void **state)
{
	struct tls_pair pair;

	(void)state;
	tls_fixture_pem("names/mail.example.org.pem", 0600, &exact, &ca, wild.key);
	pair = tls_pair_make(NULL);
	expect(&pair, "pop.example.org", &wild);
	expect(&pair, "mail.example.org", &tls_fixture_main);
	assert_false(tls_context_make_all(pair.context, &tls_fixture_report));
	assert_true(tls_fixture_complained("mail.example.org.pem: key values mismatch"));
	tls_pair_free(&pair);
}

/* The response that the client was sent; 0: none. */
static size_t
stapled(struct tls_pair *pair, const char *name)
{
	const struct tls_client wish = {.name = name, .staple = true};
	const unsigned char *response;
	long n;

	assert_true(tls_talk_begin(&talk, pair->context, &wish));
	n = SSL_get_tlsext_status_ocsp_resp(talk.client, &response);
	tls_talk_end(&talk);
	return n > 0 ? (size_t)n : 0;
}

static void
responses_go_with_their_certificate(void **state)
{
	static const struct tls_client not_asking = {.name = "mail.example.org"};
	struct tls_pair pair;
	const unsigned char *response;
	size_t exact_n, main_n;

	(void)state;
	tls_fixture_ocsp("names/mail.example.org.ocsp", &exact, &ca, TLS_FIXTURE_DAY);
	tls_fixture_ocsp("main.ocsp", &tls_fixture_main, &ca, TLS_FIXTURE_DAY);
	free(fixture_read("names/mail.example.org.ocsp", &exact_n));
	free(fixture_read("main.ocsp", &main_n));
	tls_fixture_setup.ocsp = tls_fixture_path("main.ocsp");
	pair = tls_pair_make(NULL);
	assert_int_equal(stapled(&pair, "mail.example.org"), exact_n);
	assert_int_equal(stapled(&pair, NULL), main_n);
	assert_int_equal(stapled(&pair, "pop.example.org"), 0);
	assert_true(tls_talk_begin(&talk, pair.context, &not_asking));
	assert_int_equal(SSL_get_tlsext_status_ocsp_resp(talk.client, &response), -1);
	tls_talk_end(&talk);
	tls_pair_free(&pair);
}

static void
late_responses_are_kept_back(void **state)
{
	struct tls_pair pair;

	(void)state;
	tls_fixture_ocsp("main.ocsp", &tls_fixture_main, &ca, -60);
	tls_fixture_setup.ocsp = tls_fixture_path("main.ocsp");
	pair = tls_pair_try(NULL);
	assert_non_null(pair.context);
	assert_true(tls_fixture_complained("warning tls.ocsp: "));
	assert_int_equal(stapled(&pair, NULL), 0);
	tls_pair_free(&pair);
}

static void
other_responses_are_refused(void **state)
{
	(void)state;
	tls_fixture_setup.ocsp = tls_fixture_path("main.ocsp");
	fixture_write("main.ocsp", "rubbish", 7, 0644);
	tls_pair_refused("error tls.ocsp: ");
	/* OCSP's "tryLater", the way a responder that is overloaded answers. */
	fixture_write("main.ocsp", "\x30\x03\x0a\x01\x03", 5, 0644);
	tls_pair_refused("error tls.ocsp: ");
	tls_fixture_ocsp("main.ocsp", &tls_fixture_main, &ca, 0);
	tls_pair_refused("error tls.ocsp: ");
	tls_fixture_ocsp("main.ocsp", &exact, &ca, TLS_FIXTURE_DAY);
	tls_pair_refused("error tls.ocsp: ");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int
test_tls_names(void)
{
	const struct CMUnitTest tests[] = {
		TEST(names_choose_the_certificate),
		TEST(the_chain_of_a_name_is_sent),
		TEST(names_share_all_else),
		TEST(a_name_can_have_keys_of_two_kinds),
		TEST(a_broken_name_has_no_certificate),
		TEST(responses_go_with_their_certificate),
		TEST(late_responses_are_kept_back),
		TEST(other_responses_are_refused),
	};

	return cmocka_run_group_tests_name("tls_names", tests, NULL, NULL);
}
