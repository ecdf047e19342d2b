/*
 * Certificates and files made for tests of TLS, in auth_fixture's directory, and a setup
 * that names them.  Every function fails the test that calls it if it cannot do its work.
 */
#ifndef TLS_FIXTURE_H
#define TLS_FIXTURE_H

#include <openssl/x509.h>
#include <stdbool.h>

#include "pop3d/tls/report.h"
#include "pop3d/tls/setup.h"
#include "tests/unit/auth_fixture.h"

#define TLS_FIXTURE_DAY 86400L

struct tls_fixture_identity {
	EVP_PKEY *key;
	X509 *x509;
};

/* What a certificate should be; zeros are as said. */
struct tls_fixture_wish {
	const char *kind;        /* "RSA", "RSA-PSS", "ED25519"; NULL: EC on P-256 */
	const char *digest;      /* NULL: SHA256, or what the kind brings with it */
	const char *common_name; /* NULL: the subject has none */
	const char *names;       /* subjectAltName as in openssl.cnf; NULL: none */
	const char *usage;       /* extendedKeyUsage; NULL: none */
	bool authority;          /* it may sign others */
	const struct tls_fixture_identity *issuer; /* NULL: itself */
	long from, until;                          /* seconds; 0: a year ago, in a year */
};

/* A new certificate; to be freed. */
struct tls_fixture_identity tls_fixture_make(const struct tls_fixture_wish *wish);

/* The same with what OpenSSL's own words do not say; before it is signed. */
struct tls_fixture_identity tls_fixture_make_with(
	const struct tls_fixture_wish *wish, void (*change)(X509 *x509));

void tls_fixture_free(struct tls_fixture_identity *identity);

/* Write what is not NULL as PEM. */
void tls_fixture_pem(const char *name, unsigned mode,
	const struct tls_fixture_identity *a, const struct tls_fixture_identity *issuer,
	EVP_PKEY *key);

/* A list of what an authority has revoked, one certificate or none; appended. */
void tls_fixture_crl(const char *name, const struct tls_fixture_identity *authority,
	const struct tls_fixture_identity *revoked, long until);

/* An OCSP response that finds a certificate good. */
void tls_fixture_ocsp(const char *name, const struct tls_fixture_identity *identity,
	const struct tls_fixture_identity *authority, long until);

/* A setup without anything but default values; the paths are the test's to set. */
extern struct tls_setup tls_fixture_setup;

/* Keeps what is reported: a line each, "error " or "warning " before it. */
extern const struct tls_report tls_fixture_report;
extern char tls_fixture_problems[8192];

/* For cmocka: a directory, main.pem and main.key of main.example.org, and a setup. */
int tls_fixture_set_up(void **state);
int tls_fixture_tear_down(void **state);
extern struct tls_fixture_identity tls_fixture_main;

/* A path in the directory for the setup, good until the test ends. */
const char *tls_fixture_path(const char *name);

/* True if a problem with that text was reported; forgets them all. */
bool tls_fixture_complained(const char *text);

#endif
