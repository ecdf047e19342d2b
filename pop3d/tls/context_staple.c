/*
 * OCSP stapling (RFC 6066 section 8): somebody else fetches the responses into files.
 */
#include <openssl/ocsp.h>
#include <openssl/x509.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>

#include "pop3d/tls/context_build.h"

static bool
is_about(const OCSP_SINGLERESP *single, const X509 *certificate)
{
	/* The pieces that are not asked for are names and keys of who signed both. */
	ASN1_INTEGER *serial = NULL;
	OCSP_CERTID *id = OCSP_CERTID_dup(OCSP_SINGLERESP_get0_id(single));
	bool about = id != NULL &&
		     OCSP_id_get0_info(NULL, NULL, NULL, &serial, id) == 1 &&
		     ASN1_INTEGER_cmp(serial, X509_get0_serialNumber(certificate)) == 0;

	OCSP_CERTID_free(id);
	return about;
}

/* Until when a response may be used; 0: never. */
static time_t
end_of(const struct material_file *file, const X509 *certificate)
{
	const unsigned char *p = file->data;
	OCSP_RESPONSE *response = d2i_OCSP_RESPONSE(NULL, &p, (long)file->n);
	OCSP_BASICRESP *basic = NULL;
	ASN1_GENERALIZEDTIME *next = NULL;
	OCSP_SINGLERESP *single;
	struct tm tm;
	time_t end = 0;

	if (response != NULL &&
		OCSP_response_status(response) == OCSP_RESPONSE_STATUS_SUCCESSFUL)
		basic = OCSP_response_get1_basic(response);
	single = basic != NULL ? OCSP_resp_get0(basic, 0) : NULL;
	if (single != NULL && is_about(single, certificate))
		(void)OCSP_single_get0_status(single, NULL, NULL, NULL, &next);
	if (next != NULL && ASN1_TIME_to_tm(next, &tm) == 1)
		end = timegm(&tm);
	OCSP_BASICRESP_free(basic);
	OCSP_RESPONSE_free(response);
	return end;
}

bool
tls_context_staple_add(struct tls_context *context, X509 *certificate,
	const struct material_file *file, const struct tls_report *report)
{
	time_t until = end_of(file, certificate);
	struct staple *larger, *staple;

	if (until == 0) {
		tls_report(report, LOG_ERR,
			"tls.ocsp: %s: is no OCSP response for the certificate, with an "
			"end of its validity",
			file->path);
		return false;
	}
	if (until <= time(NULL))
		tls_report(report, LOG_WARNING,
			"tls.ocsp: %s: is out of date and will not be sent", file->path);
	larger = reallocarray(context->staples, context->n_staples + 1, sizeof(*larger));
	if (larger == NULL || X509_up_ref(certificate) != 1)
		return false;
	context->staples = larger;
	staple = &larger[context->n_staples++];
	*staple = (struct staple){.certificate = certificate,
		.data = file->data,
		.n = file->n,
		.until = until};
	return true;
}

int
tls_context_staple(SSL *ssl, void *argument)
{
	const struct tls_context *context = argument;
	const X509 *ours = SSL_get_certificate(ssl);

	for (size_t i = 0; ours != NULL && i < context->n_staples; i++) {
		const struct staple *staple = &context->staples[i];
		unsigned char *copy;
		if (X509_cmp(staple->certificate, ours) != 0 ||
			staple->until <= time(NULL))
			continue;
		copy = OPENSSL_memdup(staple->data, staple->n);
		if (copy == NULL)
			return SSL_TLSEXT_ERR_NOACK;
		/* The connection frees it. */
		(void)SSL_set_tlsext_status_ocsp_resp(ssl, copy, (long)staple->n);
		return SSL_TLSEXT_ERR_OK;
	}
	return SSL_TLSEXT_ERR_NOACK;
}
