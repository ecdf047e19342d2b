/*
 * Debian 12 has no library of JSON Web Tokens that knows Ed25519: libcjose lacks it,
 * libjwt 1.10 lacks it and key sets.  So OpenSSL verifies and jansson reads.
 */
#include "auth/jwt_keys.h"

#include <openssl/core_names.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <stdlib.h>
#include <string.h>

#define KEYS_MAX 64u
#define RSA_BITS_MIN 2048
#define RSA_BITS_MAX 16384
#define NUMBER_MAX 2048u   /* octets of an RSA modulus */
#define P256_OCTETS 32u    /* of a coordinate, and of half a signature */
#define ED25519_OCTETS 32u /* of a public key */
#define P256_DER_MAX 80u   /* octets of a signature in DER */

struct key {
	char *id; /* NULL: none */
	enum jwt_algorithm algorithm;
	EVP_PKEY *pkey;
};

struct jwt_keys {
	size_t count;
	struct key keys[KEYS_MAX];
};

static const struct {
	const char *name;
	enum jwt_algorithm algorithm;
	const char *type;  /* "kty" */
	const char *curve; /* "crv", NULL: none */
} kinds[] = {
	{"RS256", JWT_RS256, "RSA", NULL},
	{"ES256", JWT_ES256, "EC", "P-256"},
	{"EdDSA", JWT_EDDSA, "OKP", "Ed25519"},
};
#define KINDS (sizeof(kinds) / sizeof(kinds[0]))

unsigned
jwt_keys_algorithm(const char *name)
{
	for (size_t i = 0; i < KINDS; i++)
		if (strcmp(kinds[i].name, name) == 0)
			return kinds[i].algorithm;
	return 0;
}

static const char *
member_text(const json_t *object, const char *name)
{
	return json_string_value(json_object_get(object, name));
}

static bool
member_is(const json_t *object, const char *name, const char *text)
{
	const char *value = member_text(object, name);

	return value != NULL && strcmp(value, text) == 0;
}

/* Decode a member; false if it is missing or longer than cap octets. */
static bool
member_octets(
	const json_t *object, const char *name, unsigned char *out, size_t cap, size_t *n)
{
	const char *text = member_text(object, name);

	return text != NULL && jwt_token_decode(text, strlen(text), out, cap, n);
}

static EVP_PKEY *
key_build(const char *type, OSSL_PARAM_BLD *build)
{
	OSSL_PARAM *params = OSSL_PARAM_BLD_to_param(build);
	EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_name(NULL, type, NULL);
	EVP_PKEY *pkey = NULL;

	if (params == NULL || context == NULL || EVP_PKEY_fromdata_init(context) != 1 ||
		EVP_PKEY_fromdata(context, &pkey, EVP_PKEY_PUBLIC_KEY, params) != 1)
		pkey = NULL;
	EVP_PKEY_CTX_free(context);
	OSSL_PARAM_free(params);
	return pkey;
}

static BIGNUM *
member_number(const json_t *jwk, const char *name)
{
	unsigned char octets[NUMBER_MAX];
	size_t n;

	if (!member_octets(jwk, name, octets, sizeof(octets), &n))
		return NULL;
	return BN_bin2bn(octets, (int)n, NULL);
}

static EVP_PKEY *
rsa_make(const json_t *jwk)
{
	OSSL_PARAM_BLD *build = OSSL_PARAM_BLD_new();
	BIGNUM *n = member_number(jwk, "n"), *e = member_number(jwk, "e");
	EVP_PKEY *pkey = NULL;
	int bits;

	if (build != NULL && n != NULL && e != NULL &&
		OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_RSA_N, n) == 1 &&
		OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_RSA_E, e) == 1)
		pkey = key_build("RSA", build);
	/* A huge exponent would make each verification slow; real ones are 65537. */
	bits = pkey != NULL ? EVP_PKEY_get_bits(pkey) : 0;
	if (bits < RSA_BITS_MIN || bits > RSA_BITS_MAX || BN_num_bits(e) > 32 ||
		!BN_is_odd(e) || BN_is_one(e)) {
		EVP_PKEY_free(pkey);
		pkey = NULL;
	}
	BN_free(n);
	BN_free(e);
	OSSL_PARAM_BLD_free(build);
	return pkey;
}

static EVP_PKEY *
p256_make(const json_t *jwk)
{
	unsigned char point[1 + 2 * P256_OCTETS] = {POINT_CONVERSION_UNCOMPRESSED};
	OSSL_PARAM_BLD *build;
	EVP_PKEY *pkey = NULL;
	size_t x, y;

	if (!member_octets(jwk, "x", point + 1, P256_OCTETS, &x) || x != P256_OCTETS ||
		!member_octets(jwk, "y", point + 1 + P256_OCTETS, P256_OCTETS, &y) ||
		y != P256_OCTETS)
		return NULL;
	build = OSSL_PARAM_BLD_new();
	if (build != NULL &&
		OSSL_PARAM_BLD_push_utf8_string(
			build, OSSL_PKEY_PARAM_GROUP_NAME, "P-256", 0) == 1 &&
		OSSL_PARAM_BLD_push_octet_string(
			build, OSSL_PKEY_PARAM_PUB_KEY, point, sizeof(point)) == 1)
		pkey = key_build("EC", build);
	OSSL_PARAM_BLD_free(build);
	return pkey;
}

static EVP_PKEY *
ed25519_make(const json_t *jwk)
{
	unsigned char octets[ED25519_OCTETS];
	size_t n;

	if (!member_octets(jwk, "x", octets, sizeof(octets), &n) || n != sizeof(octets))
		return NULL;
	return EVP_PKEY_new_raw_public_key_ex(NULL, "ED25519", NULL, octets, n);
}

/* RFC 7517 section 4.2 to 4.4: whether a key may verify signatures of this name. */
static bool
use_check(const json_t *jwk, const char *name)
{
	const json_t *operations = json_object_get(jwk, "key_ops"), *operation;
	size_t i;

	if (json_object_get(jwk, "use") != NULL && !member_is(jwk, "use", "sig"))
		return false;
	if (json_object_get(jwk, "alg") != NULL && !member_is(jwk, "alg", name))
		return false;
	if (operations == NULL)
		return true;
	json_array_foreach(operations, i,
		operation) if (json_is_string(operation) &&
			       strcmp(json_string_value(operation), "verify") ==
				       0) return true;
	return false;
}

static bool
key_take(struct key *key, const json_t *jwk)
{
	const char *id = member_text(jwk, "kid");
	size_t i = 0;

	while (i < KINDS && !(member_is(jwk, "kty", kinds[i].type) &&
				    (kinds[i].curve == NULL ||
					    member_is(jwk, "crv", kinds[i].curve))))
		i++;
	if (i == KINDS || !use_check(jwk, kinds[i].name))
		return false;
	key->algorithm = kinds[i].algorithm;
	key->id = NULL;
	if (id != NULL && (key->id = strdup(id)) == NULL)
		return false;
	if (key->algorithm == JWT_RS256)
		key->pkey = rsa_make(jwk);
	else
		key->pkey =
			key->algorithm == JWT_ES256 ? p256_make(jwk) : ed25519_make(jwk);
	if (key->pkey == NULL)
		free(key->id);
	return key->pkey != NULL;
}

struct jwt_keys *
jwt_keys_parse(const char *text, size_t n, size_t *skipped)
{
	struct jwt_keys *keys = calloc(1, sizeof(*keys));
	json_t *set = json_loadb(text, n, JSON_REJECT_DUPLICATES, NULL);
	const json_t *list = json_object_get(set, "keys"), *jwk;
	size_t i;

	*skipped = 0;
	if (keys != NULL) {
		json_array_foreach(list, i, jwk)
		{
			if (keys->count < KEYS_MAX &&
				key_take(&keys->keys[keys->count], jwk))
				keys->count++;
			else
				++*skipped;
		}
	}
	json_decref(set);
	if (keys != NULL && keys->count > 0)
		return keys;
	jwt_keys_free(keys);
	return NULL;
}

void
jwt_keys_free(struct jwt_keys *keys)
{
	if (keys == NULL)
		return;
	for (size_t i = 0; i < keys->count; i++) {
		free(keys->keys[i].id);
		EVP_PKEY_free(keys->keys[i].pkey);
	}
	free(keys);
}

/* RFC 7518 section 3.4: R and S, 32 octets each.  OpenSSL wants DER. */
static bool
p256_encode(const unsigned char raw[2 * P256_OCTETS], unsigned char der[P256_DER_MAX],
	size_t *n)
{
	ECDSA_SIG *pair = ECDSA_SIG_new();
	BIGNUM *r = BN_bin2bn(raw, P256_OCTETS, NULL);
	BIGNUM *s = BN_bin2bn(raw + P256_OCTETS, P256_OCTETS, NULL);
	int length = 0;

	if (pair != NULL && r != NULL && s != NULL && ECDSA_SIG_set0(pair, r, s) == 1) {
		r = NULL;
		s = NULL;
		if (i2d_ECDSA_SIG(pair, NULL) <= (int)P256_DER_MAX)
			length = i2d_ECDSA_SIG(pair, &der);
	}
	BN_free(r);
	BN_free(s);
	ECDSA_SIG_free(pair);
	*n = length > 0 ? (size_t)length : 0;
	return length > 0;
}

static bool
signature_verify(const struct key *key, const struct jwt_token *token)
{
	const char *hash = key->algorithm == JWT_EDDSA ? NULL : "SHA256";
	const unsigned char *signature = token->signature;
	unsigned char der[P256_DER_MAX];
	size_t n = token->signature_n;
	EVP_MD_CTX *context;
	bool good;

	if (key->algorithm == JWT_ES256) {
		if (n != (size_t)2 * P256_OCTETS ||
			!p256_encode(token->signature, der, &n))
			return false;
		signature = der;
	}
	context = EVP_MD_CTX_new();
	good = context != NULL &&
	       EVP_DigestVerifyInit_ex(
		       context, NULL, hash, NULL, NULL, key->pkey, NULL) == 1 &&
	       EVP_DigestVerify(
		       context, signature, n, token->covered.p, token->covered.n) == 1;
	EVP_MD_CTX_free(context);
	return good;
}

const char *
jwt_keys_verify(
	const struct jwt_keys *keys, unsigned algorithms, const struct jwt_token *token)
{
	const json_t *kid = json_object_get(token->header, "kid");
	const char *name = member_text(token->header, "alg");
	const char *id = json_string_value(kid);
	unsigned algorithm = name != NULL ? jwt_keys_algorithm(name) : 0;
	bool tried = false;

	if ((algorithm & algorithms) == 0)
		return "algorithm is not allowed";
	if (kid != NULL && id == NULL)
		return "key id is no text";
	for (size_t i = 0; i < keys->count; i++) {
		const struct key *key = &keys->keys[i];

		if (key->algorithm != algorithm ||
			(id != NULL && (key->id == NULL || strcmp(key->id, id) != 0)))
			continue;
		tried = true;
		if (signature_verify(key, token))
			return NULL;
	}
	return tried ? "wrong signature" : "no such key";
}
