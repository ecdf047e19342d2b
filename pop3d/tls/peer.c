#include "pop3d/tls/peer.h"

#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <string.h>

/* RFC 9266 section 2: the context is there, and empty.  TLS 1.2 needs what binds its
 * keys to the handshake (RFC 7627). */
static void
describe_exporter(SSL *ssl, bool bound, struct tls_binding *binding)
{
	static const char label[] = "EXPORTER-Channel-Binding";

	if (bound && SSL_export_keying_material(ssl, binding->data, 32, label,
			     sizeof(label) - 1, NULL, 0, 1) == 1)
		binding->n = 32;
}

/* RFC 5929 section 3.1: the first Finished message of the latest handshake. */
static void
describe_unique(SSL *ssl, struct tls_binding *binding)
{
	/* A resumed handshake is finished by the server first. */
	if (SSL_session_reused(ssl) == 1)
		binding->n = SSL_get_finished(ssl, binding->data, TLS_BINDING_MAX);
	else
		binding->n = SSL_get_peer_finished(ssl, binding->data, TLS_BINDING_MAX);
	if (binding->n > TLS_BINDING_MAX)
		binding->n = 0;
}

void
tls_peer_end_point(X509 *certificate, struct tls_binding *binding)
{
	const EVP_MD *digest;
	int name = NID_undef;
	unsigned n = 0;

	binding->n = 0;
	if (certificate == NULL ||
		X509_get_signature_info(certificate, &name, NULL, NULL, NULL) != 1)
		return;
	if (name == NID_md5 || name == NID_sha1)
		name = NID_sha256;
	digest = name == NID_undef ? NULL : EVP_get_digestbynid(name);
	if (digest != NULL && EVP_MD_get_size(digest) <= (int)TLS_BINDING_MAX &&
		X509_digest(certificate, digest, binding->data, &n) == 1)
		binding->n = n;
}

/* A session that is taken up has the certificate that it began with; see tickets.c. */
static void
describe_end_point(SSL *ssl, struct tls_binding *binding)
{
	void *kept;
	size_t n;

	if (SSL_session_reused(ssl) != 1) {
		tls_peer_end_point(SSL_get_certificate(ssl), binding);
		return;
	}
	if (SSL_SESSION_get0_ticket_appdata(SSL_get_session(ssl), &kept, &n) != 1 ||
		n == 0 || n > sizeof(binding->data))
		return;
	memcpy(binding->data, kept, n);
	binding->n = n;
}

/* Copy a text of n octets; false, and nothing, if it is not one or too long. */
static bool
copy_plain(char *to, size_t size, const unsigned char *p, size_t n)
{
	to[0] = '\0';
	if (n == 0 || n >= size)
		return false;
	for (size_t i = 0; i < n; i++)
		if (p[i] < 0x20 || p[i] == 0x7f)
			return false;
	memcpy(to, p, n);
	to[n] = '\0';
	return true;
}

/* A subject with several names is nobody's in particular. */
static void
describe_common_name(const X509_NAME *subject, struct tls_certificate *certificate)
{
	int i = X509_NAME_get_index_by_NID(subject, NID_commonName, -1);
	unsigned char *text = NULL;
	int n;

	if (i < 0 || X509_NAME_get_index_by_NID(subject, NID_commonName, i) >= 0)
		return;
	n = ASN1_STRING_to_UTF8(
		&text, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, i)));
	if (n > 0)
		(void)copy_plain(certificate->common_name,
			sizeof(certificate->common_name), text, (size_t)n);
	OPENSSL_free(text);
}

static void
describe_subject(const X509_NAME *subject, struct tls_certificate *certificate)
{
	BIO *bio = BIO_new(BIO_s_mem());
	char *text;
	long n;

	if (bio != NULL &&
		X509_NAME_print_ex(bio, subject, 0,
			XN_FLAG_RFC2253 & ~(unsigned long)ASN1_STRFLGS_ESC_MSB) >= 0) {
		n = BIO_get_mem_data(bio, &text);
		if (n > 0)
			(void)copy_plain(certificate->subject,
				sizeof(certificate->subject), (const unsigned char *)text,
				(size_t)n);
	}
	BIO_free(bio);
}

static void
describe_emails(const X509 *x509, struct tls_certificate *certificate)
{
	GENERAL_NAMES *names = X509_get_ext_d2i(x509, NID_subject_alt_name, NULL, NULL);
	int count = names != NULL ? sk_GENERAL_NAME_num(names) : 0;

	for (int i = 0; i < count; i++) {
		const GENERAL_NAME *name = sk_GENERAL_NAME_value(names, i);
		const ASN1_IA5STRING *text;
		if (name->type != GEN_EMAIL)
			continue;
		text = name->d.rfc822Name;
		if (certificate->n_emails < TLS_EMAILS_MAX &&
			copy_plain(certificate->emails[certificate->n_emails],
				sizeof(certificate->emails[0]),
				ASN1_STRING_get0_data(text),
				(size_t)ASN1_STRING_length(text)))
			certificate->n_emails++;
		else
			certificate->emails_left_out = true;
	}
	GENERAL_NAMES_free(names);
}

static void
describe_certificate(const X509 *x509, struct tls_certificate *certificate)
{
	unsigned char digest[32];
	unsigned n = 0;

	certificate->verified = true;
	describe_common_name(X509_get_subject_name(x509), certificate);
	describe_subject(X509_get_subject_name(x509), certificate);
	describe_emails(x509, certificate);
	if (X509_digest(x509, EVP_sha256(), digest, &n) != 1)
		return;
	for (unsigned i = 0; i < n; i++)
		(void)snprintf(
			certificate->fingerprint + (size_t)i * 2, 3, "%02x", digest[i]);
}

void
tls_peer_describe(SSL *ssl, struct tls_info *info)
{
	bool modern = SSL_version(ssl) == TLS1_3_VERSION;
	bool bound = modern || SSL_get_extms_support(ssl) == 1;
	const char *name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
	const X509 *x509 = SSL_get0_peer_certificate(ssl);

	memset(info, 0, sizeof(*info));
	(void)snprintf(
		info->protocol, sizeof(info->protocol), "%s", SSL_get_version(ssl));
	(void)snprintf(
		info->cipher, sizeof(info->cipher), "%s", SSL_get_cipher_name(ssl));
	if (name != NULL)
		(void)copy_plain(info->sni, sizeof(info->sni),
			(const unsigned char *)name, strlen(name));
	info->resumed = SSL_session_reused(ssl) == 1;
	describe_exporter(ssl, bound, &info->exporter);
	if (bound && !modern)
		describe_unique(ssl, &info->unique);
	describe_end_point(ssl, &info->end_point);
	if (x509 != NULL && SSL_get_verify_result(ssl) == X509_V_OK)
		describe_certificate(x509, &info->certificate);
}
