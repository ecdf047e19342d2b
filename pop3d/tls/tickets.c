#include "pop3d/tls/tickets.h"

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <openssl/rand.h>
#include <string.h>

#include "pop3d/tls/peer.h"

#define NAME_OCTETS 16u
#define CIPHER_OCTETS 32u
#define MAC_OCTETS 32u

static int keys_index = -1;

static bool
set_mac(EVP_MAC_CTX *mac, const unsigned char *key)
{
	char digest[] = "SHA256";
	unsigned char copy[MAC_OCTETS];
	OSSL_PARAM params[3];
	bool done;

	memcpy(copy, key, sizeof(copy));
	params[0] =
		OSSL_PARAM_construct_octet_string(OSSL_MAC_PARAM_KEY, copy, sizeof(copy));
	params[1] = OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0);
	params[2] = OSSL_PARAM_construct_end();
	done = EVP_MAC_CTX_set_params(mac, params) == 1;
	OPENSSL_cleanse(copy, sizeof(copy));
	return done;
}

/* As SSL_CTX_set_tlsext_ticket_key_evp_cb(3) has it: 1 to seal. */
static int
seal(const struct ticket_keys *keys, unsigned char name[NAME_OCTETS], unsigned char *iv,
	EVP_CIPHER_CTX *cipher, EVP_MAC_CTX *mac)
{
	const unsigned char *key = keys->keys[0];

	if (RAND_bytes(iv, EVP_CIPHER_get_iv_length(EVP_aes_256_cbc())) != 1)
		return -1;
	memcpy(name, key, NAME_OCTETS);
	if (EVP_EncryptInit_ex2(cipher, EVP_aes_256_cbc(), key + NAME_OCTETS, iv, NULL) !=
			1 ||
		!set_mac(mac, key + NAME_OCTETS + CIPHER_OCTETS))
		return -1;
	return 1;
}

/* 0: sealed with a key that is not ours; 2: with an old one, so that another is due. */
static int
unseal(const struct ticket_keys *keys, const unsigned char name[NAME_OCTETS],
	const unsigned char *iv, EVP_CIPHER_CTX *cipher, EVP_MAC_CTX *mac)
{
	for (size_t i = 0; i < keys->n; i++) {
		const unsigned char *key = keys->keys[i];
		if (memcmp(name, key, NAME_OCTETS) != 0)
			continue;
		if (EVP_DecryptInit_ex2(cipher, EVP_aes_256_cbc(), key + NAME_OCTETS, iv,
			    NULL) != 1 ||
			!set_mac(mac, key + NAME_OCTETS + CIPHER_OCTETS))
			return -1;
		return i == 0 ? 1 : 2;
	}
	return 0;
}

static int
use_keys(SSL *ssl, unsigned char *name, unsigned char *iv, EVP_CIPHER_CTX *cipher,
	EVP_MAC_CTX *mac, int encrypt)
{
	const struct ticket_keys *keys =
		SSL_CTX_get_ex_data(SSL_get_SSL_CTX(ssl), keys_index);

	if (keys == NULL || keys->n == 0)
		return 0;
	return encrypt != 0 ? seal(keys, name, iv, cipher, mac)
			    : unseal(keys, name, iv, cipher, mac);
}

/*
 * The client goes on with the certificate that it was shown once.  When it comes back,
 * this server may have another, or chose it among several.
 */
static int
keep_end_point(SSL *ssl, void *argument)
{
	struct tls_binding end_point;

	(void)argument;
	if (SSL_session_reused(ssl) == 1)
		return 1;
	tls_peer_end_point(SSL_get_certificate(ssl), &end_point);
	return SSL_SESSION_set1_ticket_appdata(
		SSL_get_session(ssl), end_point.data, end_point.n);
}

/*
 * What has been revoked since is seen in a full handshake only, and so is who shows no
 * certificate where one is required by now.
 */
static SSL_TICKET_RETURN
judge(SSL *ssl, SSL_SESSION *session, const unsigned char *name, size_t n,
	SSL_TICKET_STATUS status, void *argument)
{
	(void)name;
	(void)n;
	(void)argument;
	switch (status) {
	case SSL_TICKET_SUCCESS:
	case SSL_TICKET_SUCCESS_RENEW:
		if (SSL_SESSION_get0_peer(session) != NULL ||
			(SSL_get_verify_mode(ssl) & SSL_VERIFY_FAIL_IF_NO_PEER_CERT) != 0)
			return SSL_TICKET_RETURN_IGNORE_RENEW;
		return status == SSL_TICKET_SUCCESS ? SSL_TICKET_RETURN_USE
						    : SSL_TICKET_RETURN_USE_RENEW;
	case SSL_TICKET_FATAL_ERR_MALLOC:
	case SSL_TICKET_FATAL_ERR_OTHER:
		return SSL_TICKET_RETURN_ABORT;
	default:
		return SSL_TICKET_RETURN_IGNORE_RENEW;
	}
}

bool
ticket_keys_install(SSL_CTX *ctx, const struct ticket_keys *keys, uint64_t lifetime)
{
	union {
		const struct ticket_keys *in;
		void *out;
	} borrowed = {.in = keys};

	if (keys->n == 0) {
		(void)SSL_CTX_set_options(ctx, SSL_OP_NO_TICKET);
		return SSL_CTX_set_num_tickets(ctx, 0) == 1;
	}
	if (keys_index < 0)
		keys_index = SSL_CTX_get_ex_new_index(0, NULL, NULL, NULL, NULL);
	(void)SSL_CTX_clear_options(ctx, SSL_OP_NO_TICKET);
	(void)SSL_CTX_set_timeout(ctx, (long)lifetime);
	return SSL_CTX_set_ex_data(ctx, keys_index, borrowed.out) == 1 &&
	       SSL_CTX_set_tlsext_ticket_key_evp_cb(ctx, use_keys) == 1 &&
	       SSL_CTX_set_session_ticket_cb(ctx, keep_end_point, judge, NULL) == 1 &&
	       SSL_CTX_set_num_tickets(ctx, 1) == 1;
}
