/*
 * Certificates of clients: who may have signed them, and which are revoked.
 */
#include <openssl/bio.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include "pop3d/tls/context_build.h"

static X509 *
read_certificate(BIO *bio)
{
	return PEM_read_bio_X509(bio, NULL, tls_context_no_password, NULL);
}

static X509_CRL *
read_list(BIO *bio)
{
	return PEM_read_bio_X509_CRL(bio, NULL, tls_context_no_password, NULL);
}

/* All certificates of a file, into the store and the list that clients are shown. */
static bool
add_authorities(SSL_CTX *ctx, BIO *bio)
{
	X509_STORE *store = SSL_CTX_get_cert_store(ctx);
	bool good = true, any = false;
	X509 *x509;

	while (good && (x509 = read_certificate(bio)) != NULL) {
		good = X509_STORE_add_cert(store, x509) == 1 &&
		       SSL_CTX_add_client_CA(ctx, x509) == 1;
		any = true;
		X509_free(x509);
	}
	return good && tls_context_pem_ended() && any;
}

static bool
add_revocations(SSL_CTX *ctx, BIO *bio)
{
	X509_STORE *store = SSL_CTX_get_cert_store(ctx);
	bool good = true, any = false;
	X509_CRL *crl;

	while (good && (crl = read_list(bio)) != NULL) {
		good = X509_STORE_add_crl(store, crl) == 1;
		any = true;
		X509_CRL_free(crl);
	}
	return good && tls_context_pem_ended() && any &&
	       X509_STORE_set_flags(
		       store, X509_V_FLAG_CRL_CHECK | X509_V_FLAG_CRL_CHECK_ALL) == 1;
}

/* Those who are named by tls.client_ca itself need nobody's list. */
static int
judge(int good, X509_STORE_CTX *chain)
{
	int last = sk_X509_num(X509_STORE_CTX_get0_chain(chain)) - 1;

	if (good == 1 ||
		X509_STORE_CTX_get_error(chain) != X509_V_ERR_UNABLE_TO_GET_CRL ||
		last < 1 || X509_STORE_CTX_get_error_depth(chain) != last)
		return good;
	X509_STORE_CTX_set_error(chain, X509_V_OK);
	return 1;
}

static bool
add_from(SSL_CTX *ctx, const struct material *material, size_t i, const char *key,
	bool (*add)(SSL_CTX *ctx, BIO *bio), const struct tls_report *report)
{
	BIO *bio = tls_context_pem(&material->files[i]);
	bool good = bio != NULL && add(ctx, bio);

	BIO_free(bio);
	if (!good)
		tls_context_fault(report, key, material->files[i].path);
	return good;
}

bool
tls_context_clients(
	SSL_CTX *ctx, const struct tls_context *context, const struct tls_report *report)
{
	const struct material *m = context->material;
	uint64_t wanted = context->setup->client_certificate;

	if (wanted == TLS_CLIENT_NONE)
		return true;
	SSL_CTX_set_verify(ctx,
		SSL_VERIFY_PEER |
			(wanted == TLS_CLIENT_REQUIRED ? SSL_VERIFY_FAIL_IF_NO_PEER_CERT
						       : 0),
		judge);
	/* Whoever is named there is believed, a root or not. */
	if (X509_STORE_set_flags(
		    SSL_CTX_get_cert_store(ctx), X509_V_FLAG_PARTIAL_CHAIN) != 1)
		return false;
	return add_from(ctx, m, m->client_ca, "tls.client_ca", add_authorities, report) &&
	       (m->client_crl == MATERIAL_NONE ||
		       add_from(ctx, m, m->client_crl, "tls.client_crl", add_revocations,
			       report));
}
