/*
 * A certificate with its chain and its key.
 */
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <syslog.h>

#include "pop3d/tls/context_build.h"
#include "pop3d/tls/key_client.h"

BIO *
tls_context_pem(const struct material_file *file)
{
	ERR_clear_error();
	/* There may be none of it: a file with a key that holds no certificate. */
	return BIO_new_mem_buf(
		file->data != NULL ? (const char *)file->data : "", (int)file->n);
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
use_key(SSL_CTX *ctx, const struct material *m, size_t file, const char *word,
	const struct tls_report *report)
{
	EVP_PKEY *key = key_client_key(m, file);
	bool good = key != NULL && SSL_CTX_use_PrivateKey(ctx, key) == 1 &&
		    SSL_CTX_check_private_key(ctx) == 1;

	if (!good)
		tls_context_fault(report, word, m->files[file].path);
	EVP_PKEY_free(key);
	ERR_clear_error();
	return good;
}

bool
tls_context_pair(SSL_CTX *ctx, struct tls_context *context,
	const struct material_pair *pair, const struct tls_report *report)
{
	const char *word = pair->name != NULL ? "tls.sni" : "tls.key";
	struct material *m = context->material;
	const char *wrong = key_client_open(m, pair->key);

	/* If a file holds a key as well, only certificates of it come here. */
	if (m->files[pair->certificate].secret)
		(void)key_client_open(m, pair->certificate);
	if (wrong == NULL || pair->key != pair->certificate) {
		if (!use_certificate(ctx, context, pair, report))
			return false;
	}
	if (wrong == NULL)
		return use_key(ctx, m, pair->key, word, report);
	tls_report(report, LOG_ERR, "%s: %s: %s", word, m->files[pair->key].path, wrong);
	return false;
}
