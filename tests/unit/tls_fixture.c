#include "tests/unit/tls_fixture.h"

#include <openssl/ocsp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>
#include <unistd.h>

#define PATHS 16

struct tls_setup tls_fixture_setup;
struct tls_fixture_identity tls_fixture_main;
char tls_fixture_problems[8192];
static char *paths[PATHS];
static unsigned n_paths;

static void
keep_problem(void *cookie, int priority, const char *text)
{
	size_t n = strlen(tls_fixture_problems);

	assert_ptr_equal(cookie, tls_fixture_problems);
	assert_null(strchr(text, '\n'));
	assert_true(priority == LOG_ERR || priority == LOG_WARNING);
	(void)snprintf(tls_fixture_problems + n, sizeof(tls_fixture_problems) - n,
		"%s %s\n", priority == LOG_ERR ? "error" : "warning", text);
}

const struct tls_report tls_fixture_report = {keep_problem, tls_fixture_problems};

bool
tls_fixture_complained(const char *text)
{
	bool found = strstr(tls_fixture_problems, text) != NULL;

	if (!found)
		(void)fprintf(
			stderr, "not said: %s\nsaid:\n%s", text, tls_fixture_problems);
	tls_fixture_problems[0] = '\0';
	return found;
}

/* An RSA key takes a while to make, and one is as good as another. */
static EVP_PKEY *
key_make(const char *kind)
{
	static EVP_PKEY *rsa;
	EVP_PKEY *key;

	if (kind == NULL) {
		key = EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-256");
	} else if (strcmp(kind, "ED25519") == 0) {
		key = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
	} else if (strcmp(kind, "RSA") == 0) {
		if (rsa == NULL)
			rsa = EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)2048);
		key = rsa;
		assert_int_equal(EVP_PKEY_up_ref(key), 1);
	} else {
		EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, kind, NULL);
		key = NULL;
		assert_non_null(ctx);
		assert_int_equal(EVP_PKEY_keygen_init(ctx), 1);
		assert_int_equal(EVP_PKEY_generate(ctx, &key), 1);
		EVP_PKEY_CTX_free(ctx);
	}
	assert_non_null(key);
	return key;
}

static void
extension_add(X509 *x509, int kind, const char *value)
{
	X509_EXTENSION *extension;

	if (value == NULL)
		return;
	extension = X509V3_EXT_conf_nid(NULL, NULL, kind, value);
	assert_non_null(extension);
	assert_int_equal(X509_add_ext(x509, extension, -1), 1);
	X509_EXTENSION_free(extension);
}

static void
name_set(X509 *x509, const char *common_name)
{
	X509_NAME *name = X509_NAME_new();

	assert_non_null(name);
	assert_int_equal(X509_NAME_add_entry_by_txt(name, "O", MBSTRING_UTF8,
				 (const unsigned char *)"Example", -1, -1, 0),
		1);
	if (common_name != NULL)
		assert_int_equal(X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8,
					 (const unsigned char *)common_name, -1, -1, 0),
			1);
	assert_int_equal(X509_set_subject_name(x509, name), 1);
	X509_NAME_free(name);
}

struct tls_fixture_identity
tls_fixture_make_with(const struct tls_fixture_wish *wish, void (*change)(X509 *x509))
{
	static long serial = 1000;
	struct tls_fixture_identity made = {key_make(wish->kind), X509_new()};
	const struct tls_fixture_identity *issuer = wish->issuer;
	const EVP_MD *digest =
		EVP_get_digestbyname(wish->digest != NULL ? wish->digest : "SHA256");
	X509 *x509 = made.x509;

	assert_non_null(x509);
	if (issuer == NULL)
		issuer = &made;
	name_set(x509, wish->common_name);
	assert_int_equal(X509_set_version(x509, X509_VERSION_3), 1);
	assert_int_equal(ASN1_INTEGER_set(X509_get_serialNumber(x509), serial++), 1);
	assert_int_equal(
		X509_set_issuer_name(x509, X509_get_subject_name(issuer->x509)), 1);
	assert_int_equal(X509_set_pubkey(x509, made.key), 1);
	assert_non_null(X509_gmtime_adj(X509_getm_notBefore(x509),
		wish->from != 0 ? wish->from : -365 * TLS_FIXTURE_DAY));
	assert_non_null(X509_gmtime_adj(X509_getm_notAfter(x509),
		wish->until != 0 ? wish->until : 365 * TLS_FIXTURE_DAY));
	extension_add(x509, NID_basic_constraints,
		wish->authority ? "critical,CA:TRUE" : "critical,CA:FALSE");
	extension_add(x509, NID_subject_alt_name, wish->names);
	extension_add(x509, NID_ext_key_usage, wish->usage);
	if (change != NULL)
		change(x509);
	if (EVP_PKEY_is_a(issuer->key, "ED25519"))
		digest = NULL;
	assert_true(X509_sign(x509, issuer->key, digest) > 0);
	return made;
}

struct tls_fixture_identity
tls_fixture_make(const struct tls_fixture_wish *wish)
{
	return tls_fixture_make_with(wish, NULL);
}

void
tls_fixture_free(struct tls_fixture_identity *identity)
{
	X509_free(identity->x509);
	EVP_PKEY_free(identity->key);
	memset(identity, 0, sizeof(*identity));
}

static void
bio_write(BIO *bio, const char *name, unsigned mode)
{
	char *data;
	long n = BIO_get_mem_data(bio, &data);

	assert_true(n > 0);
	fixture_write(name, data, (size_t)n, mode);
	BIO_free(bio);
}

static BIO *
bio_new(void)
{
	BIO *bio = BIO_new(BIO_s_mem());

	assert_non_null(bio);
	return bio;
}

void
tls_fixture_pem(const char *name, unsigned mode, const struct tls_fixture_identity *a,
	const struct tls_fixture_identity *issuer, EVP_PKEY *key)
{
	BIO *bio = bio_new();

	if (key != NULL)
		assert_int_equal(
			PEM_write_bio_PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL), 1);
	if (a != NULL)
		assert_int_equal(PEM_write_bio_X509(bio, a->x509), 1);
	if (issuer != NULL)
		assert_int_equal(PEM_write_bio_X509(bio, issuer->x509), 1);
	bio_write(bio, name, mode);
}

static void
crl_revoke(X509_CRL *crl, X509 *x509)
{
	X509_REVOKED *entry = X509_REVOKED_new();
	ASN1_TIME *now = X509_gmtime_adj(NULL, -60);

	assert_int_equal(
		X509_REVOKED_set_serialNumber(entry, X509_get_serialNumber(x509)), 1);
	assert_int_equal(X509_REVOKED_set_revocationDate(entry, now), 1);
	assert_int_equal(X509_CRL_add0_revoked(crl, entry), 1);
	ASN1_TIME_free(now);
}

void
tls_fixture_crl(const char *name, const struct tls_fixture_identity *authority,
	const struct tls_fixture_identity *revoked, long until)
{
	X509_CRL *crl = X509_CRL_new();
	ASN1_TIME *from = X509_gmtime_adj(NULL, -2 * TLS_FIXTURE_DAY);
	ASN1_TIME *to = X509_gmtime_adj(NULL, until);
	BIO *bio = bio_new();
	size_t n;

	if (access(fixture_path(name), F_OK) == 0) {
		char *before = fixture_read(name, &n);
		assert_int_equal(BIO_write(bio, before, (int)n), n);
		free(before);
	}
	assert_int_equal(X509_CRL_set_version(crl, X509_CRL_VERSION_2), 1);
	assert_int_equal(
		X509_CRL_set_issuer_name(crl, X509_get_subject_name(authority->x509)), 1);
	assert_int_equal(X509_CRL_set1_lastUpdate(crl, from), 1);
	assert_int_equal(X509_CRL_set1_nextUpdate(crl, to), 1);
	if (revoked != NULL)
		crl_revoke(crl, revoked->x509);
	assert_true(X509_CRL_sign(crl, authority->key, EVP_sha256()) > 0);
	assert_int_equal(PEM_write_bio_X509_CRL(bio, crl), 1);
	bio_write(bio, name, 0644);
	ASN1_TIME_free(from);
	ASN1_TIME_free(to);
	X509_CRL_free(crl);
}

void
tls_fixture_ocsp(const char *name, const struct tls_fixture_identity *identity,
	const struct tls_fixture_identity *authority, long until)
{
	OCSP_BASICRESP *basic = OCSP_BASICRESP_new();
	OCSP_CERTID *id = OCSP_cert_to_id(NULL, identity->x509, authority->x509);
	ASN1_TIME *from = X509_gmtime_adj(NULL, -2 * TLS_FIXTURE_DAY);
	ASN1_TIME *to = until != 0 ? X509_gmtime_adj(NULL, until) : NULL;
	OCSP_RESPONSE *response;
	BIO *bio = bio_new();
	unsigned char *der = NULL;
	int n;

	assert_non_null(OCSP_basic_add1_status(
		basic, id, V_OCSP_CERTSTATUS_GOOD, 0, NULL, from, to));
	assert_int_equal(OCSP_basic_sign(basic, authority->x509, authority->key,
				 EVP_sha256(), NULL, 0),
		1);
	response = OCSP_response_create(OCSP_RESPONSE_STATUS_SUCCESSFUL, basic);
	assert_non_null(response);
	n = i2d_OCSP_RESPONSE(response, &der);
	assert_true(n > 0);
	assert_int_equal(BIO_write(bio, der, n), n);
	OPENSSL_free(der);
	bio_write(bio, name, 0644);
	OCSP_RESPONSE_free(response);
	OCSP_BASICRESP_free(basic);
	OCSP_CERTID_free(id);
	ASN1_TIME_free(from);
	ASN1_TIME_free(to);
}

const char *
tls_fixture_path(const char *name)
{
	assert_true(n_paths < PATHS);
	paths[n_paths] = strdup(fixture_path(name));
	assert_non_null(paths[n_paths]);
	return paths[n_paths++];
}

int
tls_fixture_set_up(void **state)
{
	const struct tls_fixture_wish wish = {
		.common_name = "main.example.org", .names = "DNS:main.example.org"};

	if (fixture_setup(state) != 0)
		return -1;
	tls_fixture_problems[0] = '\0';
	tls_fixture_main = tls_fixture_make(&wish);
	tls_fixture_pem("main.pem", 0644, &tls_fixture_main, NULL, NULL);
	tls_fixture_pem("main.key", 0600, NULL, NULL, tls_fixture_main.key);
	tls_fixture_setup = (struct tls_setup){
		.log = "stderr",
		.run_directory = tls_fixture_path("run"),
		.root_directory = "/",
		.certificate = tls_fixture_path("main.pem"),
		.key = tls_fixture_path("main.key"),
		.ocsp = "",
		.sni = "",
		.protocols = "TLSv1.2 TLSv1.3",
		.ciphers = "ECDHE+AESGCM:ECDHE+CHACHA20",
		.ciphersuites = "",
		.groups = "X25519:P-256:P-384",
		.client_ca = "",
		.client_crl = "",
		.ticket_keys = "",
		.ticket_lifetime = 3600,
		.handshake_seconds = 30,
		.output_seconds = 120,
		.connections = 10,
	};
	return 0;
}

int
tls_fixture_tear_down(void **state)
{
	tls_fixture_free(&tls_fixture_main);
	while (n_paths > 0)
		free(paths[--n_paths]);
	return fixture_teardown(state);
}
