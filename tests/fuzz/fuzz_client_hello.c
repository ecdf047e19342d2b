/*
 * The first message of a TLS client, with any extensions: names and protocols that it
 * asks for, tickets, and whatever else.  A name gets the certificate that is for it, no
 * protocol but ours is agreed on, no ticket opens that was not sealed here, what the
 * relay would tell of the client is well formed, and no handshake ends so soon.
 *
 * The input: options, then records of a kind, a length (two octets) and data.
 */
#include <openssl/err.h>
#include <openssl/pem.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "pop3d/tls/context_build.h"
#include "pop3d/tls/peer.h"
#include "tests/fuzz/client_hello.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define PAIRS 3u

enum option {
	OPTION_OLD = 1u << 0,     /* TLS 1.2 */
	OPTION_TICKETS = 1u << 1, /* the server has keys for them */
};

enum kind {
	KIND_NAME, /* a host name */
	KIND_PROTOCOLS,
	KIND_TICKET,
	KIND_IDENTITY, /* the ticket of TLS 1.3; ends the message */
	KIND_STATUS,   /* what is asked of OCSP */
	KIND_OTHER,    /* its number, two octets, then its content */
	KIND_BEHIND,   /* what follows the message */
	KINDS,
};

/* What the client asked for. */
struct asked {
	unsigned names, protocols;
	char name[HELLO_MAX];
	struct hello_text list;
};

static const char *const names[PAIRS] = {NULL, "mail.example.org", "*.example.org"};
static struct material_file files[PAIRS];
static struct material_pair pairs[PAIRS];
static EVP_PKEY *keys[PAIRS];
static struct material material = {.files = files,
	.n_files = PAIRS,
	.pairs = pairs,
	.n_pairs = PAIRS,
	.client_ca = MATERIAL_NONE,
	.client_crl = MATERIAL_NONE};
static const struct tls_setup setup = {.protocols = "TLSv1.2 TLSv1.3",
	.ciphers = "",
	.ciphersuites = "",
	.groups = "",
	.client_ca = "",
	.client_crl = "",
	.ticket_lifetime = 3600};
static struct tls_context *context;

static void
check(bool good)
{
	if (!good)
		abort();
}

static void
report_nothing(void *cookie, int priority, const char *text)
{
	(void)cookie;
	(void)priority;
	(void)text;
	check(false);
}

/* A certificate for nobody to verify, and what a key process would tell of its key. */
static void
make_pair(size_t i)
{
	EVP_PKEY *key = EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-256");
	X509 *x509 = X509_new();
	BIO *bio = BIO_new(BIO_s_mem());
	char *octets;
	long n;

	check(key != NULL && x509 != NULL && bio != NULL);
	check(X509_set_version(x509, X509_VERSION_3) == 1);
	check(ASN1_INTEGER_set(X509_get_serialNumber(x509), (long)i) == 1);
	check(X509_gmtime_adj(X509_getm_notBefore(x509), 0) != NULL);
	check(X509_gmtime_adj(X509_getm_notAfter(x509), 86400) != NULL);
	check(X509_set_pubkey(x509, key) == 1);
	check(X509_sign(x509, key, EVP_sha256()) > 0);
	check(PEM_write_bio_X509(bio, x509) == 1);
	n = BIO_get_mem_data(bio, &octets);
	check(n > 0);
	files[i].path = strdup("memory");
	files[i].data = malloc((size_t)n);
	check(files[i].path != NULL && files[i].data != NULL);
	memcpy(files[i].data, octets, (size_t)n);
	files[i].n = (size_t)n;
	n = i2d_PUBKEY(key, &files[i].half);
	check(n > 0);
	files[i].n_half = (size_t)n;
	keys[i] = key;
	pairs[i] =
		(struct material_pair){.name = names[i] != NULL ? strdup(names[i]) : NULL,
			.certificate = i,
			.key = i,
			.ocsp = MATERIAL_NONE};
	BIO_free(bio);
	X509_free(x509);
}

/* There is no key process here: each context signs by itself. */
static void
use_keys(void)
{
	for (size_t i = 0; i < PAIRS; i++)
		check(SSL_CTX_use_PrivateKey(
			      names[i] == NULL ? context->main : context->named[i],
			      keys[i]) == 1);
}

static void
set_up(uint8_t options)
{
	static const struct tls_report report = {report_nothing, NULL};
	struct ticket_keys tickets = {.n = (options & OPTION_TICKETS) != 0 ? 2 : 0};

	memset(tickets.keys[0], 'a', sizeof(tickets.keys[0]));
	memset(tickets.keys[1], 'b', sizeof(tickets.keys[1]));
	if (context != NULL) {
		tls_context_set_tickets(context, &tickets);
		return;
	}
	for (size_t i = 0; i < PAIRS; i++)
		make_pair(i);
	context = tls_context_make(&material, &setup, &tickets, &report);
	check(context != NULL && tls_context_make_all(context, &report));
	use_keys();
}

static void
add_record(struct hello_text *extensions, struct hello_text *behind, struct asked *asked,
	enum kind kind, const uint8_t *p, size_t n)
{
	switch (kind) {
	case KIND_NAME:
		hello_list(extensions, EXTENSION_NAME, 1, p, n);
		memcpy(asked->name, p, n);
		asked->name[n] = '\0';
		asked->names++;
		break;
	case KIND_PROTOCOLS:
		hello_list(extensions, EXTENSION_PROTOCOLS, 0, p, n);
		asked->list.n = 0;
		hello_add(&asked->list, p, n);
		asked->protocols++;
		break;
	case KIND_TICKET:
		hello_extension(extensions, EXTENSION_TICKET, p, n);
		break;
	case KIND_IDENTITY:
		hello_identity(extensions, p, n);
		break;
	case KIND_STATUS:
		hello_extension(extensions, EXTENSION_STATUS, p, n);
		break;
	case KIND_OTHER:
		/* The two have their own kinds, which remember them. */
		if (n >= 2 && (p[0] != 0 || (p[1] != EXTENSION_NAME &&
						    p[1] != EXTENSION_PROTOCOLS)))
			hello_extension(
				extensions, (size_t)p[0] << 8 | p[1], p + 2, n - 2);
		break;
	default:
		hello_add(behind, p, n);
	}
}

/* The pair that is for a name. */
static size_t
pair_of(const char *name)
{
	const char *dot = strchr(name, '.');

	if (strcasecmp(name, names[1]) == 0)
		return 1;
	return dot != NULL && dot > name && strcasecmp(dot, names[2] + 1) == 0 ? 2 : 0;
}

static bool
offers_ours(const struct hello_text *list)
{
	for (size_t at = 0; at < list->n; at += 1u + list->p[at])
		if (list->p[at] == 4 && list->n - at >= 5 &&
			memcmp(list->p + at + 1, "pop3", 4) == 0)
			return true;
	return false;
}

/* The server goes on: it has agreed to something. */
static void
check_agreement(SSL *ssl, const struct asked *asked)
{
	static struct ipc_message message;
	static struct tls_info info, told;
	const unsigned char *protocol;
	unsigned n;
	size_t i = asked->names > 0 ? pair_of(asked->name) : 0;

	check(SSL_get_SSL_CTX(ssl) == (i > 0 ? context->named[i] : context->main));
	SSL_get0_alpn_selected(ssl, &protocol, &n);
	check(asked->protocols > 0 ? n == 4 && memcmp(protocol, "pop3", 4) == 0 : n == 0);
	check(asked->protocols == 0 || offers_ours(&asked->list));
	check(SSL_session_reused(ssl) == 0);
	tls_peer_describe(ssl, &info);
	check(!info.certificate.verified);
	check(info.sni[0] == '\0' || strcmp(info.sni, asked->name) == 0);
	ipc_begin(&message, IPC_TLS_UP);
	tls_info_put(&message, &info);
	message.at = 1;
	check(tls_info_get(&message, &told) && ipc_end(&message));
}

static void
shake_hands(const struct hello_text *sent, const struct asked *asked)
{
	SSL *ssl = tls_context_connection(context);
	BIO *in = BIO_new_mem_buf(sent->p, (int)sent->n), *out = BIO_new(BIO_s_mem());
	char *answer;
	long n;

	check(ssl != NULL && in != NULL && out != NULL);
	/* At its end more is waited for, as on a connection. */
	(void)BIO_set_mem_eof_return(in, -1);
	SSL_set_bio(ssl, in, out);
	ERR_clear_error();
	check(SSL_accept(ssl) <= 0);
	n = BIO_get_mem_data(out, &answer);
	/* A handshake message, and no alert behind what was agreed on. */
	if (n > 0 && answer[0] == 22 && SSL_get_error(ssl, -1) == SSL_ERROR_WANT_READ)
		check_agreement(ssl, asked);
	SSL_free(ssl);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct hello_text extensions, behind, sent;
	static struct asked asked;

	if (size < 1 || size > HELLO_MAX / 4)
		return 0;
	set_up(data[0]);
	extensions.n = behind.n = sent.n = 0;
	memset(&asked, 0, sizeof(asked));
	hello_usual(&extensions, (data[0] & OPTION_OLD) != 0);
	data++;
	size--;
	/* With what stands before it a record becomes larger. */
	while (size >= 3 && extensions.n + behind.n < HELLO_MAX / 4) {
		size_t n = (size_t)data[1] | (size_t)data[2] << 8;

		n = n > size - 3 ? size - 3 : n;
		add_record(&extensions, &behind, &asked, (enum kind)(data[0] % KINDS),
			data + 3, n);
		data += 3 + n;
		size -= 3 + n;
	}
	hello_record(&sent, &extensions);
	hello_add(&sent, behind.p, behind.n);
	shake_hands(&sent, &asked);
	return 0;
}
