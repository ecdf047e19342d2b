#include "tests/unit/jwt_fixture.h"

#include <openssl/core_names.h>
#include <openssl/ecdsa.h>
#include <openssl/hmac.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>

#define TEXT_MAX ((size_t)131072)

EVP_PKEY *
jwt_fixture_key(enum jwt_algorithm algorithm, unsigned number)
{
	static EVP_PKEY *keys[5][2];
	EVP_PKEY **key = &keys[algorithm][number];

	if (*key == NULL && algorithm == JWT_RS256)
		*key = EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)2048);
	else if (*key == NULL && algorithm == JWT_ES256)
		*key = EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-256");
	else if (*key == NULL)
		*key = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
	assert_non_null(*key);
	return *key;
}

const char *
jwt_fixture_encode(const void *p, size_t n)
{
	static char texts[4][TEXT_MAX];
	static unsigned next;
	char *text = texts[next++ % 4];

	assert_true(n < TEXT_MAX / 2);
	return sodium_bin2base64(
		text, TEXT_MAX, p, n, sodium_base64_VARIANT_URLSAFE_NO_PADDING);
}

static const char *
number_encode(EVP_PKEY *key, const char *name)
{
	unsigned char octets[512];
	BIGNUM *number = NULL;
	int n;

	assert_int_equal(EVP_PKEY_get_bn_param(key, name, &number), 1);
	n = BN_bn2bin(number, octets);
	BN_free(number);
	return jwt_fixture_encode(octets, (size_t)n);
}

const char *
jwt_fixture_jwk(enum jwt_algorithm algorithm, unsigned number, const char *members)
{
	static char texts[4][2048];
	static unsigned next;
	char *text = texts[next++ % 4];
	EVP_PKEY *key = jwt_fixture_key(algorithm, number);
	unsigned char point[80];
	size_t n = sizeof(point);

	if (algorithm == JWT_RS256) {
		(void)snprintf(text, sizeof(texts[0]),
			"{\"kty\":\"RSA\",\"n\":\"%s\",\"e\":\"%s\"%s}",
			number_encode(key, OSSL_PKEY_PARAM_RSA_N),
			number_encode(key, OSSL_PKEY_PARAM_RSA_E), members);
	} else if (algorithm == JWT_ES256) {
		assert_int_equal(EVP_PKEY_get_octet_string_param(key,
					 OSSL_PKEY_PARAM_ENCODED_PUBLIC_KEY, point,
					 sizeof(point), &n),
			1);
		assert_int_equal(n, 65);
		(void)snprintf(text, sizeof(texts[0]),
			"{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"%s\",\"y\":\"%s\"%s}",
			jwt_fixture_encode(point + 1, 32),
			jwt_fixture_encode(point + 33, 32), members);
	} else {
		assert_int_equal(EVP_PKEY_get_raw_public_key(key, point, &n), 1);
		(void)snprintf(text, sizeof(texts[0]),
			"{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"%s\"%s}",
			jwt_fixture_encode(point, n), members);
	}
	return text;
}

const char *
jwt_fixture_set(void)
{
	static char text[8192];

	(void)snprintf(text, sizeof(text), "{\"keys\":[%s,%s,%s]}",
		jwt_fixture_jwk(JWT_RS256, 0, ",\"kid\":\"rsa\",\"use\":\"sig\""),
		jwt_fixture_jwk(JWT_ES256, 0, ",\"kid\":\"ec\",\"alg\":\"ES256\""),
		jwt_fixture_jwk(
			JWT_EDDSA, 0, ",\"kid\":\"ed\",\"key_ops\":[\"verify\"]"));
	return text;
}

/* What OpenSSL makes of ECDSA is DER; a token has both numbers side by side. */
static size_t
pair_unpack(unsigned char *signature, size_t n)
{
	const unsigned char *p = signature;
	ECDSA_SIG *pair = d2i_ECDSA_SIG(NULL, &p, (long)n);
	unsigned char raw[64];

	assert_non_null(pair);
	assert_int_equal(BN_bn2binpad(ECDSA_SIG_get0_r(pair), raw, 32), 32);
	assert_int_equal(BN_bn2binpad(ECDSA_SIG_get0_s(pair), raw + 32, 32), 32);
	ECDSA_SIG_free(pair);
	memcpy(signature, raw, sizeof(raw));
	return sizeof(raw);
}

static char *
parts_join(const char *header, const char *claims)
{
	static char text[2 * TEXT_MAX];

	(void)snprintf(text, sizeof(text), "%s.%s",
		jwt_fixture_encode(header, strlen(header)),
		jwt_fixture_encode(claims, strlen(claims)));
	return text;
}

static void
signature_add(char *text, const unsigned char *signature, size_t n)
{
	size_t end = strlen(text);

	(void)snprintf(
		text + end, 2 * TEXT_MAX - end, ".%s", jwt_fixture_encode(signature, n));
}

char *
jwt_fixture_token(const char *header, const char *claims, enum jwt_algorithm algorithm,
	unsigned number)
{
	char *text = parts_join(header, claims);
	const char *hash = algorithm == JWT_EDDSA ? NULL : "SHA256";
	EVP_MD_CTX *context = EVP_MD_CTX_new();
	unsigned char signature[512];
	size_t n = sizeof(signature);

	assert_non_null(context);
	assert_int_equal(EVP_DigestSignInit_ex(context, NULL, hash, NULL, NULL,
				 jwt_fixture_key(algorithm, number), NULL),
		1);
	assert_int_equal(EVP_DigestSign(context, signature, &n,
				 (const unsigned char *)text, strlen(text)),
		1);
	EVP_MD_CTX_free(context);
	if (algorithm == JWT_ES256)
		n = pair_unpack(signature, n);
	signature_add(text, signature, n);
	return text;
}

char *
jwt_fixture_hmac(const char *header, const char *claims, const char *key)
{
	char *text = parts_join(header, claims);
	unsigned char mac[32];
	unsigned n = sizeof(mac);

	assert_non_null(HMAC(EVP_sha256(), key, (int)strlen(key),
		(const unsigned char *)text, strlen(text), mac, &n));
	signature_add(text, mac, n);
	return text;
}
