/*
 * Versions, ciphers and the like: the same for every name.
 */
#include <openssl/err.h>
#include <string.h>
#include <syslog.h>

#include "pop3d/tls/context_build.h"

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

static bool
set_ciphers(SSL_CTX *ctx, const struct tls_setup *setup, const struct tls_report *report)
{
	bool good = true;

	ERR_clear_error();
	if (setup->ciphers[0] != '\0' &&
		SSL_CTX_set_cipher_list(ctx, setup->ciphers) != 1) {
		tls_context_fault(report, "tls.ciphers", setup->ciphers);
		good = false;
	}
	if (setup->ciphersuites[0] != '\0' &&
		SSL_CTX_set_ciphersuites(ctx, setup->ciphersuites) != 1) {
		tls_context_fault(report, "tls.ciphersuites", setup->ciphersuites);
		good = false;
	}
	if (setup->groups[0] != '\0' &&
		SSL_CTX_set1_groups_list(ctx, setup->groups) != 1) {
		tls_context_fault(report, "tls.groups", setup->groups);
		good = false;
	}
	/* The list of ciphers can ask for less. */
	if (SSL_CTX_get_security_level(ctx) < SECURITY_LEVEL)
		SSL_CTX_set_security_level(ctx, SECURITY_LEVEL);
	return good;
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

	(void)SSL_CTX_set_options(ctx, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
					       SSL_OP_CIPHER_SERVER_PREFERENCE |
					       SSL_OP_PRIORITIZE_CHACHA |
					       SSL_OP_CLEANSE_PLAINTEXT);
	(void)SSL_CTX_set_mode(ctx, SSL_MODE_ENABLE_PARTIAL_WRITE |
					    SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
					    SSL_MODE_RELEASE_BUFFERS);
	(void)SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
	/* A process serves one connection: what it keeps nobody finds again.  No 0-RTT.
	 */
	(void)SSL_CTX_set_max_early_data(ctx, 0);
	SSL_CTX_set_alpn_select_cb(ctx, select_protocol, NULL);
	return set_versions(ctx, setup, report) && set_ciphers(ctx, setup, report) &&
	       SSL_CTX_set_session_id_context(ctx, id, sizeof(id) - 1) == 1;
}
