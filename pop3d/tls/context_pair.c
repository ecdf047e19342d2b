/*
 * A certificate with its chain and its key.
 */
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <syslog.h>

#include "pop3d/tls/context_build.h"

BIO *
tls_context_pem(const struct material_file *file)
{
	ERR_clear_error();
	return BIO_new_mem_buf(file->data, (int)file->n);
}

int
tls_context_no_password(char *buf, int size, int write, void *argument)
{
	bool *asked = argument;

	(void)buf;
	(void)size;
	(void)write;
	if (asked != NULL)
		*asked = true;
	return -1;
}

bool
tls_context_pem_ended(void)
{
	if (ERR_GET_LIB(ERR_peek_last_error()) != ERR_LIB_PEM ||
		ERR_GET_REASON(ERR_peek_last_error()) != PEM_R_NO_START_LINE)
		return false;
	ERR_clear_error();
	return true;
}

/* What stands behind the certificate leads to a well-known one. */
static bool
use_chain(SSL_CTX *ctx, BIO *bio)
{
	X509 *x509;

	while ((x509 = PEM_read_bio_X509(bio, NULL, tls_context_no_password, NULL)) !=
		NULL) {
		if (SSL_CTX_add0_chain_cert(ctx, x509) != 1) {
			X509_free(x509);
			return false;
		}
	}
	return tls_context_pem_ended();
}

static bool
use_certificate(SSL_CTX *ctx, struct tls_context *context,
	const struct material_pair *pair, const struct tls_report *report)
{
	const struct material *m = context->material;
	const struct material_file *file = &m->files[pair->certificate];
	BIO *bio = tls_context_pem(file);
	X509 *x509 = bio != NULL ? PEM_read_bio_X509_AUX(
					   bio, NULL, tls_context_no_password, NULL)
				 : NULL;
	bool good = x509 != NULL && SSL_CTX_use_certificate(ctx, x509) == 1 &&
		    use_chain(ctx, bio);

	if (!good)
		tls_context_fault(report,
			pair->name != NULL ? "tls.sni" : "tls.certificate", file->path);
	if (good && pair->ocsp != MATERIAL_NONE)
		good = tls_context_staple_add(
			context, x509, &m->files[pair->ocsp], report);
	X509_free(x509);
	BIO_free(bio);
	return good;
}

static bool
use_key(SSL_CTX *ctx, const struct material_file *file, const char *word,
	const struct tls_report *report)
{
	bool asked = false;
	BIO *bio = tls_context_pem(file);
	EVP_PKEY *key = bio != NULL ? PEM_read_bio_PrivateKey(
					      bio, NULL, tls_context_no_password, &asked)
				    : NULL;
	bool good = key != NULL && SSL_CTX_use_PrivateKey(ctx, key) == 1 &&
		    SSL_CTX_check_private_key(ctx) == 1;

	if (asked)
		tls_report(report, LOG_ERR, "%s: %s: has a password", word, file->path);
	else if (!good)
		tls_context_fault(report, word, file->path);
	EVP_PKEY_free(key);
	BIO_free(bio);
	/* Kinds of files that it was tried as are no failure of the handshake. */
	ERR_clear_error();
	return good;
}

bool
tls_context_pair(SSL_CTX *ctx, struct tls_context *context,
	const struct material_pair *pair, const struct tls_report *report)
{
	return use_certificate(ctx, context, pair, report) &&
	       use_key(ctx, &context->material->files[pair->key],
		       pair->name != NULL ? "tls.sni" : "tls.key", report);
}
