#include "pop3d/tls/check.h"

#include <errno.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <string.h>
#include <syslog.h>
#include <time.h>

#include "pop3d/tls/context_build.h"
#include "pop3d/tls/key_client.h"
#include "pop3d/tls/keys.h"

#define SOON_DAYS 14

struct checking {
	const struct tls_report *report;
	bool good; /* no error so far */
};

static void
note(void *cookie, int priority, const char *text)
{
	struct checking *checking = cookie;

	if (priority < LOG_WARNING)
		checking->good = false;
	checking->report->problem(checking->report->cookie, priority, text);
}

/* "has expired on", and the like, with the time it is about. */
static void
tell(const struct tls_report *report, int priority, const char *key, const char *path,
	const char *what, const ASN1_TIME *when)
{
	char text[32] = "?";
	struct tm tm;

	if (ASN1_TIME_to_tm(when, &tm) == 1)
		(void)strftime(text, sizeof(text), "%Y-%m-%d %H:%M UTC", &tm);
	tls_report(report, priority, "%s: %s: %s %s", key, path, what, text);
}

static void
look_at_end(const struct tls_report *report, const char *key, const char *path,
	const ASN1_TIME *end)
{
	int days = 0, seconds = 0;

	/* From now. */
	if (ASN1_TIME_diff(&days, &seconds, NULL, end) != 1 || days < 0 || seconds < 0)
		tell(report, LOG_ERR, key, path, "has expired on", end);
	else if (days < SOON_DAYS)
		tell(report, LOG_WARNING, key, path, "expires on", end);
}

/* All certificates of a file: those in the middle of a chain end as well. */
static void
look_at_certificates(const struct material_file *file, const char *key,
	const struct tls_report *report)
{
	BIO *bio = tls_context_pem(file);
	X509 *x509;

	while (bio != NULL && (x509 = PEM_read_bio_X509(bio, NULL,
				       tls_context_no_password, NULL)) != NULL) {
		const ASN1_TIME *start = X509_get0_notBefore(x509);
		if (X509_cmp_current_time(start) > 0)
			tell(report, LOG_ERR, key, file->path, "is not valid before",
				start);
		look_at_end(report, key, file->path, X509_get0_notAfter(x509));
		X509_free(x509);
	}
	ERR_clear_error();
	BIO_free(bio);
}

static void
look_at_lists(const struct material_file *file, const struct tls_report *report)
{
	BIO *bio = tls_context_pem(file);
	X509_CRL *crl;

	while (bio != NULL && (crl = PEM_read_bio_X509_CRL(bio, NULL,
				       tls_context_no_password, NULL)) != NULL) {
		const ASN1_TIME *end = X509_CRL_get0_nextUpdate(crl);
		/* They are made anew every few days: what is soon for others is not
		 * here. */
		if (end != NULL && X509_cmp_current_time(end) < 0)
			tell(report, LOG_ERR, "tls.client_crl", file->path,
				"has expired on", end);
		X509_CRL_free(crl);
	}
	ERR_clear_error();
	BIO_free(bio);
}

static void
look_at_times(const struct material *material, const struct tls_report *report)
{
	for (size_t i = 0; i < material->n_pairs; i++) {
		const struct material_pair *pair = &material->pairs[i];
		look_at_certificates(&material->files[pair->certificate],
			pair->name != NULL ? "tls.sni" : "tls.certificate", report);
	}
	if (material->client_ca != MATERIAL_NONE)
		look_at_certificates(
			&material->files[material->client_ca], "tls.client_ca", report);
	if (material->client_crl != MATERIAL_NONE)
		look_at_lists(&material->files[material->client_crl], report);
}

/* Those in the run directory are made when there is need; looking must not make them. */
static void
look_at_tickets(const struct tls_setup *setup, const struct tls_report *report)
{
	struct ticket_keys keys;
	const char *wrong;

	if (setup->ticket_keys[0] == '\0' || setup->ticket_lifetime == 0)
		return;
	wrong = ticket_keys_load(setup, &keys);
	if (wrong != NULL)
		tls_report(report, LOG_ERR, "tls.ticket_keys: %s: %s", setup->ticket_keys,
			wrong);
	OPENSSL_cleanse(&keys, sizeof(keys));
}

bool
tls_check(const struct tls_setup *setup, const struct tls_report *report)
{
	static const struct ticket_keys none;
	struct checking checking = {report, true};
	const struct tls_report noting = {note, &checking};
	struct material *material = material_load(setup, &noting);
	struct tls_context *context;
	struct keys keys;

	look_at_tickets(setup, &noting);
	if (material == NULL)
		return false;
	if (!keys_start(&keys, material, setup, KEYS_FOR_RELAY)) {
		tls_report(report, LOG_ERR, "no key process: %s", strerror(errno));
		material_free(material);
		return false;
	}
	key_client_use(keys.channel, 0);
	context = tls_context_make(material, setup, &none, &noting);
	if (context == NULL || !tls_context_make_all(context, &noting))
		checking.good = false;
	look_at_times(material, &noting);
	keys_end(&keys);
	tls_context_free(context);
	material_free(material);
	return checking.good;
}
