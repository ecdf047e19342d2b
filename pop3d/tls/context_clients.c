/*
 * Certificates of clients: who may have signed them, and which are revoked.
 */
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include "pop3d/tls/context_build.h"

static BIO *
open_file(const struct material *material, size_t i)
{
	const struct material_file *file = &material->files[i];

	return BIO_new_mem_buf(file->data, (int)file->n);
}

/* All certificates of a file, into the store and the list that clients are shown. */
static bool
add_authorities(SSL_CTX *ctx, BIO *bio)
{
	X509_STORE *store = SSL_CTX_get_cert_store(ctx);
	bool good = true, any = false;
	X509 *x509;

	while (good && (x509 = PEM_read_bio_X509(bio, NULL, NULL, NULL)) != NULL) {
		good = X509_STORE_add_cert(store, x509) == 1 &&
		       SSL_CTX_add_client_CA(ctx, x509) == 1;
		any = true;
		X509_free(x509);
	}
	return good && any;
}

static bool
add_revocations(SSL_CTX *ctx, BIO *bio)
{
	X509_STORE *store = SSL_CTX_get_cert_store(ctx);
	bool good = true, any = false;
	X509_CRL *crl;

	while (good && (crl = PEM_read_bio_X509_CRL(bio, NULL, NULL, NULL)) != NULL) {
		good = X509_STORE_add_crl(store, crl) == 1;
		any = true;
		X509_CRL_free(crl);
	}
	return good && any &&
	       X509_STORE_set_flags(
		       store, X509_V_FLAG_CRL_CHECK | X509_V_FLAG_CRL_CHECK_ALL) == 1;
}

static bool
add_from(SSL_CTX *ctx, const struct material *material, size_t i, const char *key,
	bool (*add)(SSL_CTX *ctx, BIO *bio), const struct tls_report *report)
{
	BIO *bio = open_file(material, i);
	bool good;

	ERR_clear_error();
	good = bio != NULL && add(ctx, bio);
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
		NULL);
	return add_from(ctx, m, m->client_ca, "tls.client_ca", add_authorities, report) &&
	       (m->client_crl == MATERIAL_NONE ||
		       add_from(ctx, m, m->client_crl, "tls.client_crl", add_revocations,
			       report));
}
