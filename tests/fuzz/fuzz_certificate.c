/*
 * Clients' certificates that an authority has signed without looking: the relay finds
 * names in them, the monitor takes what the relay tells and finds a user.  And subjects
 * as another proxy writes them, and a map of certificates of any content.
 *
 * No text has control bytes or was cut; what the relay tells is taken, and as it was
 * told; and nobody is whom the certificate does not name.
 *
 * The input: which of the three; for a certificate records of a kind, a type of string,
 * a length and a value; for the others a text.
 */
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "auth/credential.h"
#include "pop3d/certificate.h"

/* The file is linked with the others: here what is private to it is called. */
#define tls_peer_describe described_twice
#define tls_peer_end_point end_point_twice
/* NOLINTNEXTLINE(bugprone-suspicious-include) */
#include "pop3d/tls/peer.c"
#undef tls_peer_describe
#undef tls_peer_end_point

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum kind {
	KIND_COMMON_NAME,
	KIND_ORGANIZATION,
	KIND_COUNTRY,
	KIND_EMAIL,    /* of the subject */
	KIND_TOGETHER, /* a common name in one with the name before it */
	KIND_ALT_EMAIL,
	KIND_ALT_DNS,
	KINDS,
};

struct record {
	enum kind kind;
	int type;
	const uint8_t *p;
	size_t n;
};

/* What must be found. */
struct wanted {
	unsigned common_names;
	unsigned emails;
};

static void
check(bool good)
{
	if (!good)
		abort();
}

static bool
cut(const uint8_t **data, size_t *size, struct record *record)
{
	static const int types[] = {V_ASN1_UTF8STRING, V_ASN1_PRINTABLESTRING,
		V_ASN1_IA5STRING, V_ASN1_T61STRING, V_ASN1_BMPSTRING,
		V_ASN1_UNIVERSALSTRING, V_ASN1_BIT_STRING, V_ASN1_OCTET_STRING};

	if (*size < 4)
		return false;
	record->kind = (enum kind)((*data)[0] % KINDS);
	record->type = types[(*data)[1] % (sizeof(types) / sizeof(types[0]))];
	record->n = (size_t)(*data)[2] | (size_t)((*data)[3] & 3) << 8;
	*data += 4;
	*size -= 4;
	record->n = record->n > *size ? *size : record->n;
	record->p = *data;
	*data += record->n;
	*size -= record->n;
	return true;
}

static void
add_to_subject(X509_NAME *subject, const struct record *record, struct wanted *wanted)
{
	static const int names[] = {NID_commonName, NID_organizationName, NID_countryName,
		NID_pkcs9_emailAddress, NID_commonName};
	X509_NAME_ENTRY *entry = X509_NAME_ENTRY_create_by_NID(
		NULL, names[record->kind], record->type, record->p, (int)record->n);
	int set = record->kind == KIND_TOGETHER && X509_NAME_entry_count(subject) > 0 ? -1
										      : 0;

	/* OpenSSL takes not every string for every name. */
	if (entry != NULL && X509_NAME_add_entry(subject, entry, -1, set) == 1 &&
		names[record->kind] == NID_commonName)
		wanted->common_names++;
	X509_NAME_ENTRY_free(entry);
}

static void
add_to_names(GENERAL_NAMES *names, const struct record *record, struct wanted *wanted)
{
	GENERAL_NAME *name = GENERAL_NAME_new();
	ASN1_IA5STRING *text = ASN1_IA5STRING_new();

	check(name != NULL && text != NULL);
	check(ASN1_STRING_set(text, record->p, (int)record->n) == 1);
	GENERAL_NAME_set0_value(
		name, record->kind == KIND_ALT_EMAIL ? GEN_EMAIL : GEN_DNS, text);
	check(sk_GENERAL_NAME_push(names, name) > 0);
	wanted->emails += record->kind == KIND_ALT_EMAIL ? 1 : 0;
}

/* All that a certificate must have beside the names. */
static X509 *
blank(EVP_PKEY **key)
{
	static const unsigned char octets[32] = "pop3d";
	X509 *x509 = X509_new();

	*key = EVP_PKEY_new_raw_private_key_ex(
		NULL, "ED25519", NULL, octets, sizeof(octets));
	check(x509 != NULL && *key != NULL);
	check(ASN1_INTEGER_set(X509_get_serialNumber(x509), 1) == 1);
	check(ASN1_TIME_set(X509_getm_notBefore(x509), 0) != NULL);
	check(ASN1_TIME_set(X509_getm_notAfter(x509), 1) != NULL);
	check(X509_set_version(x509, X509_VERSION_3) == 1);
	check(X509_set_pubkey(x509, *key) == 1);
	return x509;
}

/* As it comes from the network, in DER; NULL if OpenSSL does not take it. */
static X509 *
make(const X509_NAME *subject, GENERAL_NAMES *names)
{
	EVP_PKEY *key;
	X509 *x509 = blank(&key), *read = NULL;
	unsigned char *der = NULL;
	const unsigned char *p;
	int n = 0;

	if (X509_set_subject_name(x509, subject) == 1 &&
		X509_add1_ext_i2d(x509, NID_subject_alt_name, names, 0, 0) == 1 &&
		X509_sign(x509, key, NULL) > 0)
		n = i2d_X509(x509, &der);
	p = der;
	if (n > 0)
		read = d2i_X509(NULL, &p, n);
	OPENSSL_free(der);
	EVP_PKEY_free(key);
	X509_free(x509);
	return read;
}

/* A certificate of the records; what must be found in it is counted. */
static X509 *
make_of_records(const uint8_t *data, size_t size, struct wanted *wanted)
{
	X509_NAME *subject = X509_NAME_new();
	GENERAL_NAMES *names = GENERAL_NAMES_new();
	struct record record;
	X509 *x509;

	check(subject != NULL && names != NULL);
	while (cut(&data, &size, &record)) {
		if (record.kind < KIND_ALT_EMAIL)
			add_to_subject(subject, &record, wanted);
		else
			add_to_names(names, &record, wanted);
	}
	x509 = make(subject, names);
	GENERAL_NAMES_free(names);
	X509_NAME_free(subject);
	return x509;
}

/* What the monitor makes of what it is told; each field as it was. */
static void
check_told(const struct tls_info *info)
{
	static struct ipc_message message;
	static struct tls_info told;

	ipc_begin(&message, IPC_TLS_UP);
	tls_info_put(&message, info);
	check(!message.bad);
	message.at = 1;
	check(tls_info_get(&message, &told) && ipc_end(&message));
	/* Both were zeroed, padding and all, before they were filled. */
	/* NOLINTNEXTLINE(*-memory-comparison,cert-exp42-c,cert-flp37-c) */
	check(memcmp(info, &told, sizeof(told)) == 0);
}

static void
check_user(const struct tls_certificate *certificate, const struct wanted *wanted)
{
	/* Its size is exact, so that the sanitizers see an octet too many. */
	char *name = malloc(AUTH_USER_MAX + 1);

	check(name != NULL);
	check(certificate_user(certificate, CERTIFICATE_CN, "", name) == NULL);
	check(name[0] == '\0' || (wanted->common_names == 1 &&
					 strcmp(name, certificate->common_name) == 0));
	check(certificate_user(certificate, CERTIFICATE_EMAIL, "", name) == NULL);
	check(name[0] == '\0' ||
		(wanted->emails == 1 && strcmp(name, certificate->emails[0]) == 0));
	free(name);
}

static void
certificate_comes(const uint8_t *data, size_t size)
{
	static struct tls_info info;
	struct tls_certificate *certificate = &info.certificate;
	struct wanted wanted = {0};
	X509 *x509 = make_of_records(data, size, &wanted);

	if (x509 == NULL)
		return;
	memset(&info, 0, sizeof(info));
	describe_certificate(x509, certificate);
	check(certificate->common_name[0] == '\0' || wanted.common_names == 1);
	check(certificate->n_emails <= wanted.emails);
	check(certificate->emails_left_out == (certificate->n_emails < wanted.emails));
	check_told(&info);
	check_user(certificate, &wanted);
	X509_free(x509);
}

static char *
text_of(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1);

	check(text != NULL);
	if (size > 0)
		memcpy(text, data, size);
	text[size] = '\0';
	return text;
}

/* A value that needs none of the quoting, from the text itself. */
static void
check_plain(const char *subject, const char *name)
{
	const char *found = strstr(subject, "CN=");
	char expected[TLS_NAME_MAX + 8];

	check(found != NULL);
	if (strpbrk(subject, "\\\"#+") != NULL)
		return;
	(void)snprintf(expected, sizeof(expected), "CN=%s", name);
	check(strstr(subject, expected) != NULL);
}

static void
subject_comes(const uint8_t *data, size_t size)
{
	char *subject = text_of(data, size), *name = malloc(TLS_NAME_MAX + 1), *longer;
	char again[TLS_NAME_MAX + 1];

	check(name != NULL);
	certificate_name_of_subject(subject, name);
	if (name[0] != '\0') {
		check(strlen(name) <= TLS_NAME_MAX);
		check(credential_is_printable(name, strlen(name)));
		check_plain(subject, name);
		/* With another name in it, it is nobody's. */
		check(asprintf(&longer, "%s, CN=ann", subject) > 0);
		certificate_name_of_subject(longer, again);
		check(again[0] == '\0');
		free(longer);
	}
	free(name);
	free(subject);
}

static const struct tls_certificate known = {.verified = true,
	.common_name = "jo",
	.subject = "CN=jo,O=Example",
	.fingerprint = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff",
	.n_emails = 2,
	.emails = {"jo@example.org", "Jo@example.net"}};
static const struct tls_certificate other = {.verified = true,
	.fingerprint =
		"10112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"};

/* Whoever is found stands at the end of a line. */
static void
check_line_of(const char *text, size_t size, const char *name)
{
	size_t n = strlen(name);
	const char *p = text;

	while ((p = memmem(p, size - (size_t)(p - text), name, n)) != NULL) {
		const char *end = p + n, *after = end;

		while (after < text + size && strchr(" \t\r", *after) != NULL &&
			*after != '\0')
			after++;
		if ((after == text + size || *after == '\n') && p > text &&
			(p[-1] == ' ' || p[-1] == '\t' || p[-1] == '\r'))
			return;
		p++;
	}
	check(false);
}

static void
map_comes(const uint8_t *data, size_t size)
{
	const int fd = memfd_create("map", MFD_CLOEXEC);
	char path[64], *name = malloc(AUTH_USER_MAX + 1);
	const char *fault;

	check(name != NULL && fd >= 0 && fchmod(fd, 0600) == 0);
	check(write(fd, data, size) == (ssize_t)size);
	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	fault = certificate_user(&known, CERTIFICATE_MAP, path, name);
	check(fault == NULL || name[0] == '\0');
	check(size == 0 || fault != NULL || memchr(data, '\0', size) == NULL);
	if (name[0] != '\0') {
		check(credential_is_user(name, strlen(name)));
		check_line_of((const char *)data, size, name);
	}
	/* The file is good or bad, whoever comes.  This one has no names. */
	check((certificate_user(&other, CERTIFICATE_MAP, path, name) == NULL) ==
		(fault == NULL));
	check(name[0] == '\0' || memmem(data, size, "sha256:", 7) != NULL);
	free(name);
	check(close(fd) == 0);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size < 1)
		return 0;
	if (data[0] % 3 == 0)
		certificate_comes(data + 1, size - 1);
	else if (data[0] % 3 == 1)
		subject_comes(data + 1, size - 1);
	else
		map_comes(data + 1, size - 1);
	return 0;
}
