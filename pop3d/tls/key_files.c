#include "pop3d/tls/key_files.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <stdlib.h>
#include <string.h>

#include "pop3d/tls/context_build.h"

#define CERTIFICATES_MAX (128u << 10) /* octets; a channel has room for so many */

bool
key_files_read(struct key_files *files, const struct material *material)
{
	files->n = material->n_files;
	files->files = calloc(files->n, sizeof(*files->files));
	if (files->files == NULL)
		return false;
	for (size_t i = 0; i < files->n; i++) {
		struct key_file *f = &files->files[i];

		if (material->files[i].secret)
			f->wrong = material_read_secret(
				&material->files[i], &f->data, &f->n);
	}
	return true;
}

static void
forget(struct key_file *f)
{
	if (f->data != NULL)
		explicit_bzero(f->data, f->n);
	free(f->data);
	f->data = NULL;
}

static BIO *
pem(const struct key_file *f)
{
	ERR_clear_error();
	return BIO_new_mem_buf(f->data, (int)f->n);
}

static const char *
parse_key(struct key_file *f)
{
	bool asked = false;
	BIO *bio = pem(f);
	const char *reason = "out of memory";

	if (bio != NULL) {
		f->key = PEM_read_bio_PrivateKey(
			bio, NULL, tls_context_no_password, &asked);
		reason = ERR_reason_error_string(ERR_peek_last_error());
	}
	BIO_free(bio);
	if (asked)
		return "has a password";
	if (f->key != NULL)
		return NULL;
	return reason != NULL ? reason : "cannot be used";
}

static bool
keep_half(struct key_file *f)
{
	int n = i2d_PUBKEY(f->key, &f->half);

	f->n_half = n > 0 ? (size_t)n : 0;
	return n > 0;
}

/* What a file holds beside its key: its octets are not for others, the key being there.
 */
static bool
keep_certificates(struct key_file *f)
{
	BIO *from = pem(f), *to = BIO_new(BIO_s_mem());
	bool good = from != NULL && to != NULL;
	char *text;
	long n;
	X509 *x509;

	while (good && (x509 = PEM_read_bio_X509_AUX(
				from, NULL, tls_context_no_password, NULL)) != NULL) {
		good = PEM_write_bio_X509(to, x509) == 1;
		X509_free(x509);
	}
	if (good && !tls_context_pem_ended())
		f->wrong = ERR_reason_error_string(ERR_peek_last_error());
	n = good ? BIO_get_mem_data(to, &text) : 0;
	if (n > 0) {
		f->certificates = malloc((size_t)n);
		good = f->certificates != NULL;
	}
	if (n > 0 && good) {
		memcpy(f->certificates, text, (size_t)n);
		f->n_certificates = (size_t)n;
	}
	BIO_free(from);
	BIO_free(to);
	return good;
}

const struct key_file *
key_files_open(struct key_files *files, size_t file)
{
	struct key_file *f = file < files->n ? &files->files[file] : NULL;

	if (f == NULL || f->data == NULL)
		return f;
	f->wrong = parse_key(f);
	if (!keep_certificates(f) || (f->key != NULL && !keep_half(f))) {
		f->wrong = "out of memory";
	} else if (f->n_certificates > CERTIFICATES_MAX) {
		f->wrong = "has more than 128 KiB of certificates beside its key";
		f->n_certificates = 0;
	}
	/* Kinds of files that it was tried as are no failure of anything. */
	ERR_clear_error();
	forget(f);
	return f;
}

static bool
set_padding(EVP_PKEY_CTX *ctx, enum key_padding padding)
{
	if (padding == KEY_PADDING_NONE)
		return true;
	if (padding == KEY_PADDING_PKCS1)
		return EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PADDING) == 1;
	return EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PSS_PADDING) == 1 &&
	       EVP_PKEY_CTX_set_rsa_pss_saltlen(ctx, RSA_PSS_SALTLEN_DIGEST) == 1;
}

/* Others are not for TLS 1.2 or 1.3. */
static bool
is_digest(const char *name)
{
	static const char *const names[] = {
		"", "SHA2-224", "SHA2-256", "SHA2-384", "SHA2-512"};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (strcmp(name, names[i]) == 0)
			return true;
	return false;
}

size_t
key_files_sign(struct key_files *files, const struct key_request *request,
	unsigned char signature[KEY_SIGNATURE_MAX])
{
	const struct key_file *f = key_files_open(files, request->file);
	const char *digest = request->digest;
	size_t n = KEY_SIGNATURE_MAX;
	EVP_PKEY_CTX *pkey;
	EVP_MD_CTX *ctx;

	if (f == NULL || f->key == NULL || !is_digest(digest))
		return 0;
	ctx = EVP_MD_CTX_new();
	if (ctx == NULL ||
		EVP_DigestSignInit_ex(ctx, &pkey, digest[0] != '\0' ? digest : NULL, NULL,
			NULL, f->key, NULL) != 1 ||
		!set_padding(pkey, request->padding) ||
		EVP_DigestSign(ctx, signature, &n, request->text, request->n) != 1)
		n = 0;
	EVP_MD_CTX_free(ctx);
	ERR_clear_error();
	return n;
}

void
key_files_free(struct key_files *files)
{
	for (size_t i = 0; files->files != NULL && i < files->n; i++) {
		struct key_file *f = &files->files[i];

		forget(f);
		EVP_PKEY_free(f->key);
		free(f->certificates);
		OPENSSL_free(f->half);
	}
	free(files->files);
}
