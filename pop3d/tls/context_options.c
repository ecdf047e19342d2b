/*
 * Versions, ciphers and the like: the same for every name.
 */
#include <openssl/err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>

#include "pop3d/tls/context_build.h"

#define WORD_MAX 128u
#define SECURITY_LEVEL 2 /* keys of less than 112 bits of strength are not used */

static bool
set_versions(SSL_CTX *ctx, const struct tls_setup *setup, const struct tls_report *report)
{
	static const char old[] = "TLSv1.2", new[] = "TLSv1.3";
	const char *p = setup->protocols;
	bool has_old = false, has_new = false, good = true;

	for (p += strspn(p, " "); *p != '\0'; p += strspn(p, " ")) {
		size_t n = strcspn(p, " ");
		if (n == sizeof(old) - 1 && memcmp(p, old, n) == 0)
			has_old = true;
		else if (n == sizeof(new) - 1 && memcmp(p, new, n) == 0)
			has_new = true;
		else
			good = false;
		p += n;
	}
	if (!good || (!has_old && !has_new)) {
		tls_report(report, LOG_ERR,
			"tls.protocols: must be TLSv1.2, TLSv1.3 or both");
		return false;
	}
	return SSL_CTX_set_min_proto_version(
		       ctx, has_old ? TLS1_2_VERSION : TLS1_3_VERSION) == 1 &&
	       SSL_CTX_set_max_proto_version(
		       ctx, has_new ? TLS1_3_VERSION : TLS1_2_VERSION) == 1;
}

/*
 * A list of ciphers or groups.  OpenSSL passes over words that it does not know, and
 * leaves an administrator with less, or more, than was meant: here each must be known.
 */
struct list {
	const char *key;
	const char *separators;
	int (*set)(SSL_CTX *ctx, const char *text);
};

static int
set_groups(SSL_CTX *ctx, const char *text)
{
	/* The macro takes what it does not change for what it may. */
	union {
		const char *in;
		char *out;
	} borrowed = {.in = text};

	return (int)SSL_CTX_set1_groups_list(ctx, borrowed.out);
}

/*
 * Without the exchange of keys by RSA (RFC 5246 section 7.4.7.1): whoever gets the key
 * later could read all that was recorded, and the key would have to decrypt what clients
 * send.  A list that has nothing else is no list.
 */
static int
set_ciphers(SSL_CTX *ctx, const char *text)
{
	char *without;
	int good;

	if (asprintf(&without, "%s:!kRSA", text) < 0)
		return 0;
	good = SSL_CTX_set_cipher_list(ctx, without);
	free(without);
	return good;
}

static const struct list ciphers = {"tls.ciphers", ":;, ", set_ciphers};
static const struct list suites = {"tls.ciphersuites", ":", SSL_CTX_set_ciphersuites};
static const struct list groups = {"tls.groups", ":", set_groups};

/* What lists of old exclude, and OpenSSL no longer has: excluding it is no mistake. */
static bool
is_extinct(const char *word)
{
	static const char *const words[] = {"3DES", "aDH", "aECDH", "DES", "DES-CBC3-SHA",
		"EXP", "EXPORT", "EXPORT40", "EXPORT56", "IDEA", "kDH", "kECDH", "KRB5",
		"LOW", "MEDIUM", "RC2", "RC4", "RC4-MD5", "RC4-SHA", "SEED", "SSLv2"};

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (strcmp(words[i], word) == 0)
			return true;
	return false;
}

/* Whether OpenSSL finds anything under a word, which is n octets long. */
static bool
is_known(SSL_CTX *ctx, const struct list *list, const char *p, size_t n)
{
	bool excluded = *p == '!' || *p == '-';
	char word[WORD_MAX];

	/* A command such as @STRENGTH means something in its place only. */
	if (list == &ciphers && *p == '@')
		return true;
	if (list == &ciphers && (excluded || *p == '+')) {
		p++;
		n--;
	}
	if (n >= sizeof(word))
		return false;
	memcpy(word, p, n);
	word[n] = '\0';
	/* What is excluded already can be excluded once more. */
	if (excluded && (is_extinct(word) || SSL_CTX_set_cipher_list(ctx, word) == 1))
		return true;
	return list->set(ctx, word) == 1;
}

static bool
set_list(SSL_CTX *ctx, const struct list *list, const char *text,
	const struct tls_report *report)
{
	bool good = true;

	if (text[0] == '\0')
		return true;
	ERR_clear_error();
	for (const char *p = text; *p != '\0';) {
		size_t n = strcspn(p, list->separators);
		/* DEFAULT@SECLEVEL=2 are two words. */
		if (list == &ciphers && n > 1)
			n = strcspn(p + 1, ":;, @") + 1;
		if (n > 0 && !is_known(ctx, list, p, n)) {
			tls_report(report, LOG_ERR, "%s: %.*s: is not known to OpenSSL%s",
				list->key, (int)n, p,
				list == &ciphers ? ", or exchanges keys by RSA" : "");
			good = false;
		}
		p += n;
		p += strspn(p, list->separators);
	}
	ERR_clear_error();
	if (good && list->set(ctx, text) != 1) {
		tls_context_fault(report, list->key, text);
		good = false;
	}
	return good;
}

static bool
set_words(SSL_CTX *ctx, const struct tls_setup *setup, const struct tls_report *report)
{
	const char *list = setup->ciphers[0] != '\0' ? setup->ciphers : "DEFAULT";
	bool good = set_list(ctx, &ciphers, list, report);

	good = set_list(ctx, &suites, setup->ciphersuites, report) && good;
	return set_list(ctx, &groups, setup->groups, report) && good;
}

/* RFC 7301: who offers protocols and not this one wanted to speak to somebody else. */
static int
select_protocol(SSL *ssl, const unsigned char **out, unsigned char *n,
	const unsigned char *in, unsigned in_n, void *argument)
{
	static const unsigned char ours[] = {4, 'p', 'o', 'p', '3'};
	unsigned char *selected;

	(void)ssl;
	(void)argument;
	if (SSL_select_next_proto(&selected, n, ours, sizeof(ours), in, in_n) !=
		OPENSSL_NPN_NEGOTIATED)
		return SSL_TLSEXT_ERR_ALERT_FATAL;
	*out = selected;
	return SSL_TLSEXT_ERR_OK;
}

bool
tls_context_options(
	SSL_CTX *ctx, const struct tls_setup *setup, const struct tls_report *report)
{
	static const unsigned char id[] = "pop3";
	bool good;

	/*
	 * A client that closes without close_notify gets its replies all the same: what
	 * it asked for has been done by then.  That its input may be cut does no harm,
	 * since nothing is deleted without QUIT.
	 */
	(void)SSL_CTX_set_options(
		ctx, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
			     SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_PRIORITIZE_CHACHA |
			     SSL_OP_CLEANSE_PLAINTEXT | SSL_OP_IGNORE_UNEXPECTED_EOF);
	/* A client could keep one SSL_read() busy for ever, with what is no data. */
	(void)SSL_CTX_clear_mode(ctx, SSL_MODE_AUTO_RETRY);
	/* The chain is what the file holds, and not what can be found elsewhere. */
	(void)SSL_CTX_set_mode(
		ctx, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
			     SSL_MODE_RELEASE_BUFFERS | SSL_MODE_NO_AUTO_CHAIN);
	(void)SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
	/* What a process for one connection keeps, nobody finds again.  No 0-RTT. */
	(void)SSL_CTX_set_max_early_data(ctx, 0);
	SSL_CTX_set_alpn_select_cb(ctx, select_protocol, NULL);
	good = set_versions(ctx, setup, report);
	good = set_words(ctx, setup, report) && good;
	/* The list of ciphers can ask for less. */
	if (SSL_CTX_get_security_level(ctx) < SECURITY_LEVEL)
		SSL_CTX_set_security_level(ctx, SECURITY_LEVEL);
	return good && SSL_CTX_set_session_id_context(ctx, id, sizeof(id) - 1) == 1;
}
