/*
 * A certificate with its chain and its key.
 */
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include "pop3d/tls/context_build.h"

static BIO *
open_file(const struct material_file *file)
{
	ERR_clear_error();
	return BIO_new_mem_buf(file->data, (int)file->n);
}

/* There is nobody to ask for a password. */
static int
no_password(char *buf, int size, int write, void *argument)
{
	(void)buf;
	(void)size;
	(void)write;
	(void)argument;
	return -1;
}

static void
note_end(struct tls_context *context, const X509 *x509, const char *path)
{
	struct tm tm;
	time_t end;

	if (ASN1_TIME_to_tm(X509_get0_notAfter(x509), &tm) != 1)
		return;
	end = timegm(&tm);
	if (context->expires != 0 && context->expires <= end)
		return;
	context->expires = end;
	context->expiring = path;
}

/* What stands behind the certificate leads to a well-known one. */
static bool
use_chain(SSL_CTX *ctx, BIO *bio)
{
	X509 *x509;

	while ((x509 = PEM_read_bio_X509(bio, NULL, NULL, NULL)) != NULL) {
		if (SSL_CTX_add0_chain_cert(ctx, x509) != 1) {
			X509_free(x509);
			return false;
		}
	}
	/* The end of the file is what ends it well. */
	if (ERR_GET_REASON(ERR_peek_last_error()) != PEM_R_NO_START_LINE)
		return false;
	ERR_clear_error();
	return true;
}

static bool
use_certificate(SSL_CTX *ctx, struct tls_context *context,
	const struct material_pair *pair, const struct tls_report *report)
{
	const struct material *m = context->material;
	const struct material_file *file = &m->files[pair->certificate];
	BIO *bio = open_file(file);
	X509 *x509 = bio != NULL ? PEM_read_bio_X509_AUX(bio, NULL, NULL, NULL) : NULL;
	bool good = x509 != NULL && SSL_CTX_use_certificate(ctx, x509) == 1 &&
		    use_chain(ctx, bio);

	if (!good)
		tls_context_fault(report, "tls.certificate", file->path);
	else
		note_end(context, x509, file->path);
	if (good && pair->ocsp != MATERIAL_NONE)
		good = tls_context_staple_add(
			context, x509, &m->files[pair->ocsp], report);
	X509_free(x509);
	BIO_free(bio);
	return good;
}

static bool
use_key(SSL_CTX *ctx, const struct material_file *file, const struct tls_report *report)
{
	BIO *bio = open_file(file);
	EVP_PKEY *key = bio != NULL
				? PEM_read_bio_PrivateKey(bio, NULL, no_password, NULL)
				: NULL;
	bool good = key != NULL && SSL_CTX_use_PrivateKey(ctx, key) == 1 &&
		    SSL_CTX_check_private_key(ctx) == 1;

	if (!good)
		tls_context_fault(report, "tls.key", file->path);
	EVP_PKEY_free(key);
	BIO_free(bio);
	return good;
}

bool
tls_context_pair(SSL_CTX *ctx, struct tls_context *context,
	const struct material_pair *pair, const struct tls_report *report)
{
	return use_certificate(ctx, context, pair, report) &&
	       use_key(ctx, &context->material->files[pair->key], report);
}
