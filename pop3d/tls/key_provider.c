/*
 * What is asked about the key is answered by OpenSSL's own key of the public half; only
 * a signature is not.
 */
#include "pop3d/tls/key_provider.h"

#include <openssl/core_dispatch.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/provider.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pop3d/tls/key_client.h"

#define NAME "pop3d-key"
#define PARAMETER_FILE "file"
#define PARAMETER_HALF "half"

struct key {
	EVP_PKEY *half;
	uint32_t file;
};

/* OpenSSL knows each function by a number, and only this one type of them. */
typedef void (*any)(void);
#define ENTRY(number, function)                                                          \
	{                                                                                \
		(number), (any)(function)                                                \
	}
#define END                                                                              \
	{                                                                                \
		0, NULL                                                                  \
	}

static void *
key_new(void *provider)
{
	(void)provider;
	return calloc(1, sizeof(struct key));
}

static void
key_free(void *data)
{
	struct key *key = data;

	if (key != NULL)
		EVP_PKEY_free(key->half);
	free(key);
}

static int
key_has(const void *data, int selection)
{
	const struct key *key = data;

	(void)selection;
	return key->half != NULL;
}

static int
key_match(const void *a, const void *b, int selection)
{
	const struct key *one = a, *other = b;

	(void)selection;
	return EVP_PKEY_eq(one->half, other->half) == 1;
}

static const OSSL_PARAM *
key_import_types(int selection)
{
	static const OSSL_PARAM types[] = {OSSL_PARAM_uint32(PARAMETER_FILE, NULL),
		OSSL_PARAM_octet_string(PARAMETER_HALF, NULL, 0), OSSL_PARAM_END};

	(void)selection;
	return types;
}

static int
key_import(void *data, int selection, const OSSL_PARAM params[])
{
	struct key *key = data;
	const OSSL_PARAM *file = OSSL_PARAM_locate_const(params, PARAMETER_FILE);
	const OSSL_PARAM *half = OSSL_PARAM_locate_const(params, PARAMETER_HALF);
	const unsigned char *p;

	(void)selection;
	/* Anything else is another provider's key, of which there is no private half. */
	if (file == NULL || half == NULL || OSSL_PARAM_get_uint32(file, &key->file) != 1)
		return 0;
	p = half->data;
	key->half =
		d2i_PUBKEY_ex(NULL, &p, (long)half->data_size, NULL, "provider=default");
	return key->half != NULL;
}

static const OSSL_PARAM *
key_export_types(int selection)
{
	static const OSSL_PARAM none[] = {OSSL_PARAM_END};

	(void)selection;
	return none;
}

/* So that it can be compared with a certificate's key. */
static int
key_export(void *data, int selection, OSSL_CALLBACK *callback, void *argument)
{
	const struct key *key = data;

	if ((selection & OSSL_KEYMGMT_SELECT_PRIVATE_KEY) != 0)
		return 0;
	return EVP_PKEY_export(key->half, selection, callback, argument);
}

static const OSSL_PARAM *
key_known(void *provider)
{
	static const OSSL_PARAM known[] = {OSSL_PARAM_int(OSSL_PKEY_PARAM_BITS, NULL),
		OSSL_PARAM_int(OSSL_PKEY_PARAM_SECURITY_BITS, NULL),
		OSSL_PARAM_int(OSSL_PKEY_PARAM_MAX_SIZE, NULL),
		OSSL_PARAM_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, NULL, 0),
		OSSL_PARAM_utf8_string(OSSL_PKEY_PARAM_DEFAULT_DIGEST, NULL, 0),
		OSSL_PARAM_utf8_string(OSSL_PKEY_PARAM_MANDATORY_DIGEST, NULL, 0),
		OSSL_PARAM_END};

	(void)provider;
	return known;
}

static int
key_get(void *data, OSSL_PARAM params[])
{
	const struct key *key = data;

	return EVP_PKEY_get_params(key->half, params);
}

static const char *
key_signs_as(int operation)
{
	(void)operation;
	return NULL; /* by the name of the key's own kind */
}

static const char *
key_ec_signs_as(int operation)
{
	return operation == OSSL_OP_SIGNATURE ? "ECDSA" : NULL;
}

#define KEY_FUNCTIONS(signs_as)                                                          \
	{                                                                                \
		ENTRY(OSSL_FUNC_KEYMGMT_NEW, key_new),                                   \
			ENTRY(OSSL_FUNC_KEYMGMT_FREE, key_free),                         \
			ENTRY(OSSL_FUNC_KEYMGMT_HAS, key_has),                           \
			ENTRY(OSSL_FUNC_KEYMGMT_MATCH, key_match),                       \
			ENTRY(OSSL_FUNC_KEYMGMT_IMPORT, key_import),                     \
			ENTRY(OSSL_FUNC_KEYMGMT_IMPORT_TYPES, key_import_types),         \
			ENTRY(OSSL_FUNC_KEYMGMT_EXPORT, key_export),                     \
			ENTRY(OSSL_FUNC_KEYMGMT_EXPORT_TYPES, key_export_types),         \
			ENTRY(OSSL_FUNC_KEYMGMT_GETTABLE_PARAMS, key_known),             \
			ENTRY(OSSL_FUNC_KEYMGMT_GET_PARAMS, key_get),                    \
			ENTRY(OSSL_FUNC_KEYMGMT_QUERY_OPERATION_NAME, signs_as), END     \
	}
static const OSSL_DISPATCH key_functions[] = KEY_FUNCTIONS(key_signs_as);
static const OSSL_DISPATCH key_ec_functions[] = KEY_FUNCTIONS(key_ec_signs_as);

struct signing {
	const struct key *key;
	struct key_request request;
};

static void *
signing_new(void *provider, const char *properties)
{
	(void)provider;
	(void)properties;
	return calloc(1, sizeof(struct signing));
}

static void
signing_free(void *data)
{
	free(data);
}

static int
signing_set(void *data, const OSSL_PARAM params[])
{
	struct signing *s = data;
	const OSSL_PARAM *mode =
		OSSL_PARAM_locate_const(params, OSSL_SIGNATURE_PARAM_PAD_MODE);
	int padding;

	/* The salt has the digest's length, which is the only one in TLS. */
	if (mode == NULL)
		return 1;
	if (OSSL_PARAM_get_int(mode, &padding) != 1 ||
		(padding != RSA_PKCS1_PADDING && padding != RSA_PKCS1_PSS_PADDING))
		return 0;
	s->request.padding =
		padding == RSA_PKCS1_PSS_PADDING ? KEY_PADDING_PSS : KEY_PADDING_PKCS1;
	return 1;
}

static const OSSL_PARAM *
signing_settable(void *data, void *provider)
{
	static const OSSL_PARAM settable[] = {
		OSSL_PARAM_int(OSSL_SIGNATURE_PARAM_PAD_MODE, NULL),
		OSSL_PARAM_int(OSSL_SIGNATURE_PARAM_PSS_SALTLEN, NULL), OSSL_PARAM_END};

	(void)data;
	(void)provider;
	return settable;
}

static int
signing_begin(void *data, const char *digest, void *key, const OSSL_PARAM params[])
{
	struct signing *s = data;
	int n;

	s->key = key;
	s->request = (struct key_request){.file = s->key->file};
	if (EVP_PKEY_is_a(s->key->half, "RSA"))
		s->request.padding = KEY_PADDING_PKCS1;
	else if (EVP_PKEY_is_a(s->key->half, "RSA-PSS"))
		s->request.padding = KEY_PADDING_PSS;
	n = snprintf(
		s->request.digest, KEY_DIGEST_MAX, "%s", digest != NULL ? digest : "");
	return n >= 0 && (unsigned)n < KEY_DIGEST_MAX &&
	       (params == NULL || signing_set(s, params) == 1);
}

static int
signing_sign(void *data, unsigned char *signature, size_t *n, size_t room,
	const unsigned char *text, size_t text_n)
{
	struct signing *s = data;

	*n = (size_t)EVP_PKEY_get_size(s->key->half);
	if (signature == NULL)
		return 1;
	s->request.text = text;
	s->request.n = text_n;
	*n = room;
	return key_client_sign(&s->request, signature, n) ? 1 : 0;
}

static const OSSL_DISPATCH signing_functions[] = {
	ENTRY(OSSL_FUNC_SIGNATURE_NEWCTX, signing_new),
	ENTRY(OSSL_FUNC_SIGNATURE_FREECTX, signing_free),
	ENTRY(OSSL_FUNC_SIGNATURE_DIGEST_SIGN_INIT, signing_begin),
	ENTRY(OSSL_FUNC_SIGNATURE_DIGEST_SIGN, signing_sign),
	ENTRY(OSSL_FUNC_SIGNATURE_SET_CTX_PARAMS, signing_set),
	ENTRY(OSSL_FUNC_SIGNATURE_SETTABLE_CTX_PARAMS, signing_settable), END};

static const OSSL_ALGORITHM *
algorithms(void *provider, int operation, int *no_cache)
{
	static const char own[] = "provider=" NAME;
	static const OSSL_ALGORITHM keys[] = {{"RSA", own, key_functions, NULL},
		{"RSA-PSS", own, key_functions, NULL},
		{"EC", own, key_ec_functions, NULL},
		{"ED25519", own, key_functions, NULL},
		{"ED448", own, key_functions, NULL}, {NULL, NULL, NULL, NULL}};
	static const OSSL_ALGORITHM signatures[] = {{"RSA", own, signing_functions, NULL},
		{"RSA-PSS", own, signing_functions, NULL},
		{"ECDSA", own, signing_functions, NULL},
		{"ED25519", own, signing_functions, NULL},
		{"ED448", own, signing_functions, NULL}, {NULL, NULL, NULL, NULL}};

	(void)provider;
	*no_cache = 0;
	if (operation == OSSL_OP_KEYMGMT)
		return keys;
	return operation == OSSL_OP_SIGNATURE ? signatures : NULL;
}

static int
initialize(const OSSL_CORE_HANDLE *handle, const OSSL_DISPATCH *in,
	const OSSL_DISPATCH **out, void **context)
{
	static const OSSL_DISPATCH functions[] = {
		ENTRY(OSSL_FUNC_PROVIDER_QUERY_OPERATION, algorithms), END};
	static int something; /* none would be taken for a failure */

	(void)handle;
	(void)in;
	*out = functions;
	*context = &something;
	return 1;
}

static OSSL_PROVIDER *base, *ours;

static void
unload(void)
{
	(void)OSSL_PROVIDER_unload(ours);
	(void)OSSL_PROVIDER_unload(base);
}

/* OpenSSL's own comes first: it is asked for whatever does not name a provider. */
static bool
load(void)
{
	if (ours != NULL)
		return true;
	base = OSSL_PROVIDER_load(NULL, "default");
	if (base != NULL && OSSL_PROVIDER_add_builtin(NULL, NAME, initialize) == 1)
		ours = OSSL_PROVIDER_load(NULL, NAME);
	return ours != NULL && OPENSSL_atexit(unload) == 1;
}

/* The name under which the provider has keys of a kind. */
static const char *
kind_of(const EVP_PKEY *half)
{
	static const char *const kinds[] = {"RSA", "RSA-PSS", "EC", "ED25519", "ED448"};

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (EVP_PKEY_is_a(half, kinds[i]))
			return kinds[i];
	return NULL;
}

EVP_PKEY *
key_provider_key(uint32_t file, const unsigned char *half, size_t n)
{
	const unsigned char *p = half;
	unsigned char *copy = OPENSSL_memdup(half, n);
	OSSL_PARAM params[] = {OSSL_PARAM_construct_uint32(PARAMETER_FILE, &file),
		OSSL_PARAM_construct_octet_string(PARAMETER_HALF, copy, n),
		OSSL_PARAM_construct_end()};
	EVP_PKEY *public = copy != NULL && load() ? d2i_PUBKEY(NULL, &p, (long)n) : NULL;
	const char *kind = public != NULL ? kind_of(public) : NULL;
	EVP_PKEY_CTX *ctx =
		kind != NULL ? EVP_PKEY_CTX_new_from_name(NULL, kind, "provider=" NAME)
			     : NULL;
	EVP_PKEY *key = NULL;

	if (ctx == NULL || EVP_PKEY_fromdata_init(ctx) != 1 ||
		EVP_PKEY_fromdata(ctx, &key, EVP_PKEY_KEYPAIR, params) != 1)
		key = NULL;
	EVP_PKEY_CTX_free(ctx);
	EVP_PKEY_free(public);
	OPENSSL_free(copy);
	return key;
}
