#include "tests/unit/jwt_fixture.h"

#include <stdio.h>
#include <string.h>

#include "tests/unit/tests.h"

/* The public key of RFC 8037 appendix A.2. */
#define OCTETS "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"
#define ALL (JWT_RS256 | JWT_ES256 | JWT_EDDSA)

static struct jwt_keys *keys;
static size_t skipped;

static bool
load(const char *text)
{
	jwt_keys_free(keys);
	keys = jwt_keys_parse(text, strlen(text), &skipped);
	return keys != NULL;
}

/* A set of these keys, separated by commas. */
static bool
load_list(const char *list)
{
	char text[8192];

	(void)snprintf(text, sizeof(text), "{\"keys\":[%s]}", list);
	return load(text);
}

static int
teardown(void **state)
{
	(void)state;
	jwt_keys_free(keys);
	keys = NULL;
	return 0;
}

/* What verifying says, "right" if nothing is wrong. */
static const char *
verify(const char *text, unsigned algorithms)
{
	struct jwt_token token;
	const char *fault;

	if (!jwt_token_parse(&token, fixture_span(text)))
		return "no token";
	fault = jwt_keys_verify(keys, algorithms, &token);
	jwt_token_free(&token);
	return fault != NULL ? fault : "right";
}

static const struct {
	enum jwt_algorithm algorithm;
	const char *name;
	const char *header;
} kinds[] = {
	{JWT_RS256, "RS256", "{\"alg\":\"RS256\",\"kid\":\"rsa\"}"},
	{JWT_ES256, "ES256", "{\"alg\":\"ES256\",\"kid\":\"ec\"}"},
	{JWT_EDDSA, "EdDSA", "{\"alg\":\"EdDSA\",\"kid\":\"ed\"}"},
};

static void
right_signatures(void **state)
{
	char header[64];

	(void)state;
	assert_true(load(jwt_fixture_set()));
	assert_int_equal(skipped, 0);
	for (size_t i = 0; i < 3; i++) {
		assert_string_equal(verify(jwt_fixture_token(kinds[i].header, "{}",
						   kinds[i].algorithm, 0),
					    ALL),
			"right");
		/* Without an id every key that fits is tried. */
		(void)snprintf(header, sizeof(header), "{\"alg\":\"%s\"}", kinds[i].name);
		assert_string_equal(
			verify(jwt_fixture_token(header, "{}", kinds[i].algorithm, 0),
				ALL),
			"right");
		assert_string_equal(
			verify(jwt_fixture_token(header, "{}", kinds[i].algorithm, 1),
				ALL),
			"wrong signature");
	}
}

/* RFC 8037 appendix A.2 and A.4; the payload is no JSON, so its parts are put in. */
static void
vector_of_ed25519(void **state)
{
	static const char text[] =
		"eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc";
	struct jwt_token token;
	size_t n;

	(void)state;
	assert_true(load_list("{\"kty\":\"OKP\",\"crv\":\"Ed25519\","
			      "\"x\":\"" OCTETS "\"}"));
	assert_true(
		jwt_token_parse(&token, fixture_span("eyJhbGciOiJFZERTQSJ9.e30.AAAA")));
	token.covered = fixture_span(text);
	assert_true(
		jwt_token_decode("hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki"
				 "4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg",
			86, token.signature, sizeof(token.signature), &n));
	token.signature_n = n;
	assert_null(jwt_keys_verify(keys, ALL, &token));
	token.covered.n--;
	assert_string_equal(jwt_keys_verify(keys, ALL, &token), "wrong signature");
	jwt_token_free(&token);
}

static void
changed_and_torn_signatures(void **state)
{
	(void)state;
	assert_true(load(jwt_fixture_set()));
	for (size_t i = 0; i < 3; i++) {
		char *text = jwt_fixture_token(
			kinds[i].header, "{\"a\":1}", kinds[i].algorithm, 0);
		char *signature = strrchr(text, '.') + 1;
		size_t n = strlen(signature);

		signature[n / 2] = signature[n / 2] == 'A' ? 'B' : 'A';
		assert_string_equal(verify(text, ALL), "wrong signature");
		signature[n / 2 / 4 * 4] = '\0';
		assert_string_equal(verify(text, ALL), "wrong signature");
		text = jwt_fixture_token(
			kinds[i].header, "{\"a\":1}", kinds[i].algorithm, 0);
		(void)snprintf(strrchr(text, '.'), 8, ".AAAA");
		assert_string_equal(verify(text, ALL), "wrong signature");
		/* The claims are signed too. */
		text = jwt_fixture_token(
			kinds[i].header, "{\"a\":1}", kinds[i].algorithm, 0);
		memcpy(strchr(text, '.') + 1, jwt_fixture_encode("{\"a\":2}", 7), 10);
		assert_string_equal(verify(text, ALL), "wrong signature");
	}
}

static void
algorithms_do_not_mix(void **state)
{
	static const char *const names[] = {"none", "None", "", "HS256", "HS512", "RS384",
		"PS256", "ES384", "rs256", "RS256 ", "EdDSA448"};
	char header[64];

	(void)state;
	assert_true(load(jwt_fixture_set()));
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		(void)snprintf(header, sizeof(header), "{\"alg\":\"%s\"}", names[i]);
		assert_string_equal(
			verify(jwt_fixture_token(header, "{}", JWT_RS256, 0), ALL),
			"algorithm is not allowed");
	}
	assert_string_equal(
		verify(jwt_fixture_token("{\"alg\":null}", "{}", JWT_RS256, 0), ALL),
		"algorithm is not allowed");
	assert_string_equal(verify(jwt_fixture_token("{}", "{}", JWT_RS256, 0), ALL),
		"algorithm is not allowed");
	/* The public key, in the form in which it is public, as a shared secret. */
	assert_string_equal(verify(jwt_fixture_hmac("{\"alg\":\"HS256\",\"kid\":\"rsa\"}",
					   "{}", jwt_fixture_jwk(JWT_RS256, 0, "")),
				    ALL),
		"algorithm is not allowed");
	/* An algorithm that is switched off, and one that is not the key's. */
	for (size_t i = 0; i < 3; i++) {
		assert_string_equal(verify(jwt_fixture_token(kinds[i].header, "{}",
						   kinds[i].algorithm, 0),
					    ALL & ~(unsigned)kinds[i].algorithm),
			"algorithm is not allowed");
		(void)snprintf(header, sizeof(header), "{\"alg\":\"%s\",\"kid\":\"%s\"}",
			kinds[i].name, i == 0 ? "ec" : "rsa");
		assert_string_equal(
			verify(jwt_fixture_token(header, "{}", kinds[i].algorithm, 0),
				ALL),
			"no such key");
	}
}

static void
ids_select_keys(void **state)
{
	char list[4096];

	(void)state;
	(void)snprintf(list, sizeof(list), "%s,%s,%s",
		jwt_fixture_jwk(JWT_ES256, 0, ",\"kid\":\"a\""),
		jwt_fixture_jwk(JWT_ES256, 1, ",\"kid\":\"b\""),
		jwt_fixture_jwk(JWT_EDDSA, 0, ""));
	assert_true(load_list(list));
	assert_string_equal(verify(jwt_fixture_token("{\"alg\":\"ES256\",\"kid\":\"b\"}",
					   "{}", JWT_ES256, 1),
				    ALL),
		"right");
	assert_string_equal(verify(jwt_fixture_token("{\"alg\":\"ES256\",\"kid\":\"a\"}",
					   "{}", JWT_ES256, 1),
				    ALL),
		"wrong signature");
	assert_string_equal(
		verify(jwt_fixture_token("{\"alg\":\"ES256\"}", "{}", JWT_ES256, 1), ALL),
		"right");
	/* A key without an id is not one of every id. */
	assert_string_equal(verify(jwt_fixture_token("{\"alg\":\"EdDSA\",\"kid\":\"c\"}",
					   "{}", JWT_EDDSA, 0),
				    ALL),
		"no such key");
	assert_string_equal(verify(jwt_fixture_token("{\"alg\":\"ES256\",\"kid\":1}",
					   "{}", JWT_ES256, 0),
				    ALL),
		"key id is no text");
}

static void
keys_that_are_left_out(void **state)
{
	static const char *const members[] = {",\"use\":\"enc\"", ",\"use\":1",
		",\"key_ops\":[\"sign\"]", ",\"key_ops\":[]", ",\"key_ops\":\"verify\"",
		",\"alg\":\"RS512\"", ",\"alg\":\"HS256\""};
	static const char x25519[] =
		"{\"kty\":\"OKP\",\"crv\":\"X25519\",\"x\":\"" OCTETS "\"}";
	static const char not_on_the_curve[] =
		"{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"" OCTETS "\",\"y\":\"" OCTETS
		"\"}";
	static const char *const keys_of_no_use[] = {"1", "null", "[]", "{}",
		"{\"kty\":\"oct\",\"k\":\"AAAA\"}", "{\"kty\":\"RSA\"}",
		"{\"kty\":\"RSA\",\"n\":\"w0\",\"e\":\"AQAB\"}",
		"{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"AA\",\"y\":\"AA\"}",
		"{\"kty\":\"EC\",\"crv\":\"P-384\",\"x\":\"AA\",\"y\":\"AA\"}", x25519,
		"{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"AAAA\"}", not_on_the_curve};

	(void)state;
	for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++) {
		assert_false(load_list(jwt_fixture_jwk(JWT_RS256, 0, members[i])));
		assert_int_equal(skipped, 1);
	}
	for (size_t i = 0; i < sizeof(keys_of_no_use) / sizeof(keys_of_no_use[0]); i++) {
		assert_false(load_list(keys_of_no_use[i]));
		assert_int_equal(skipped, 1);
	}
}

static void
weak_rsa_keys_are_left_out(void **state)
{
	EVP_PKEY *weak = EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)1024);
	BIGNUM *number = NULL;
	unsigned char octets[256];
	char text[1024];
	int n;

	(void)state;
	assert_non_null(weak);
	assert_int_equal(EVP_PKEY_get_bn_param(weak, "n", &number), 1);
	n = BN_bn2bin(number, octets);
	(void)snprintf(text, sizeof(text),
		"{\"kty\":\"RSA\",\"n\":\"%s\",\"e\":\"AQAB\"}",
		jwt_fixture_encode(octets, (size_t)n));
	assert_false(load_list(text));
	BN_free(number);
	number = NULL;
	EVP_PKEY_free(weak);
	/* An exponent of one makes any signature right. */
	assert_int_equal(
		EVP_PKEY_get_bn_param(jwt_fixture_key(JWT_RS256, 0), "n", &number), 1);
	n = BN_bn2bin(number, octets);
	BN_free(number);
	for (size_t i = 0; i < 3; i++) {
		static const char *const exponents[] = {"AQ", "Ag", "AQAAAAAB"};

		(void)snprintf(text, sizeof(text),
			"{\"kty\":\"RSA\",\"n\":\"%s\",\"e\":\"%s\"}",
			jwt_fixture_encode(octets, (size_t)n), exponents[i]);
		assert_false(load_list(text));
	}
}

static void
files_that_are_no_key_set(void **state)
{
	static const char *const texts[] = {"", "{}", "[]", "null", "{\"keys\":[]}",
		"{\"keys\":{}}", "{\"keys\":1}", "{\"keys\":[", "{\"keys\":[]}x",
		"{\"keys\":[],\"keys\":[]}"};

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		assert_false(load(texts[i]));
	/* A bare key is none either. */
	assert_false(load(jwt_fixture_jwk(JWT_EDDSA, 0, "")));
}

#define TEST(name) cmocka_unit_test_teardown(name, teardown)

int
test_jwt_keys(void)
{
	const struct CMUnitTest tests[] = {
		TEST(right_signatures),
		TEST(vector_of_ed25519),
		TEST(changed_and_torn_signatures),
		TEST(algorithms_do_not_mix),
		TEST(ids_select_keys),
		TEST(keys_that_are_left_out),
		TEST(weak_rsa_keys_are_left_out),
		TEST(files_that_are_no_key_set),
	};

	return cmocka_run_group_tests_name("jwt_keys", tests, NULL, NULL);
}
