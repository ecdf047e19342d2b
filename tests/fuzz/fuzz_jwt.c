/*
 * Key sets, tokens and claims of anybody.  What is decoded encodes to the same text; a
 * signature that is taken is right in the eyes of another library, or at least no longer
 * with a bit changed; claims that are taken are those of the rules; and whoever a token
 * lets in has a name that a user may have.
 *
 * The input: options; a key set; a line feed; then a token, or the header and the claims
 * of one, with a line feed between, that is signed here.
 */
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "auth/credential.h"
#include "auth/jwt_claims.h"
#include "auth/jwt_keys.h"
#include "auth/jwt_token.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define NOW 1700000000L
#define LEEWAY 60L
#define ALL (JWT_RS256 | JWT_ES256 | JWT_EDDSA)

enum option {
	OPTION_SIGN = 1u << 0,
	OPTION_EMAIL = 1u << 1, /* the claim that names the user */
	OPTION_SCOPE = 1u << 2,
	OPTION_UNVERIFIED = 1u << 3,
};

/* A text in the making; the sanitizers see its end. */
struct text {
	char *p;
	size_t n;
};

/* The key pair of whoever signs: the corpus has its public key. */
static unsigned char public_key[crypto_sign_PUBLICKEYBYTES];
static unsigned char secret_key[crypto_sign_SECRETKEYBYTES];

static void
check(bool good)
{
	if (!good)
		abort();
}

static void
set_up(void)
{
	static const unsigned char seed[crypto_sign_SEEDBYTES] = "pop3d";
	static bool done;

	if (done)
		return;
	check(sodium_init() >= 0);
	check(crypto_sign_seed_keypair(public_key, secret_key, seed) == 0);
	done = true;
}

static void
text_add(struct text *text, const void *p, size_t n)
{
	text->p = realloc(text->p, text->n + n + 1);
	check(text->p != NULL);
	if (n > 0)
		memcpy(text->p + text->n, p, n);
	text->n += n;
	text->p[text->n] = '\0';
}

static void
text_add_encoded(struct text *text, const void *p, size_t n)
{
	size_t cap =
		sodium_base64_ENCODED_LEN(n, sodium_base64_VARIANT_URLSAFE_NO_PADDING);
	char *encoded = malloc(cap);

	check(encoded != NULL);
	(void)sodium_bin2base64(
		encoded, cap, p, n, sodium_base64_VARIANT_URLSAFE_NO_PADDING);
	text_add(text, encoded, strlen(encoded));
	free(encoded);
}

/* A whole token of a header and claims. */
static void
text_sign(struct text *text, const char *header, size_t header_n, const char *claims,
	size_t claims_n)
{
	unsigned char signature[crypto_sign_BYTES];

	text_add_encoded(text, header, header_n);
	text_add(text, ".", 1);
	text_add_encoded(text, claims, claims_n);
	check(crypto_sign_detached(signature, NULL, (const unsigned char *)text->p,
		      text->n, secret_key) == 0);
	text_add(text, ".", 1);
	text_add_encoded(text, signature, sizeof(signature));
}

/* The part between the dots, or before or behind them, says the same as the text. */
static void
check_decoding(const char *text, size_t n)
{
	size_t written;
	/* One octet more than it needs. */
	unsigned char *octets = malloc(n + 1);
	struct text again = {0};

	check(octets != NULL);
	if (jwt_token_decode(text, n, octets, n, &written)) {
		check(written <= n);
		text_add_encoded(&again, octets, written);
		check(again.n == n && memcmp(again.p, text, n) == 0);
	}
	free(again.p);
	free(octets);
}

static const char *
member(const json_t *object, const char *name)
{
	return json_string_value(json_object_get(object, name));
}

/* A signature that was taken: by whom, or as far as can be told without a key. */
static void
check_signature(const struct jwt_keys *keys, struct jwt_token *token)
{
	const char *name = member(token->header, "alg");
	unsigned char *octet = &token->signature[token->signature_n / 2];

	check(name != NULL && jwt_keys_algorithm(name) != 0);
	check(jwt_keys_verify(keys, ALL & ~jwt_keys_algorithm(name), token) != NULL);
	*octet ^= 0x10u;
	check(jwt_keys_verify(keys, ALL, token) != NULL);
	*octet ^= 0x10u;
	token->covered.n--;
	check(jwt_keys_verify(keys, ALL, token) != NULL);
	token->covered.n++;
}

/* The one key of whom the secret one is known. */
static void
check_known_key(struct jwt_token *token)
{
	static const char set[] = "{\"keys\":[{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":"
				  "\"qwcYaptoT-gNLrdq2blsf3e1f6bij3j3fdjJLIGyylg\"}]}";
	static struct jwt_keys *keys;
	const json_t *kid = json_object_get(token->header, "kid");
	const char *name = member(token->header, "alg");
	size_t skipped;
	bool right;

	if (keys == NULL)
		keys = jwt_keys_parse(set, sizeof(set) - 1, &skipped);
	check(keys != NULL);
	right = name != NULL && strcmp(name, "EdDSA") == 0 && kid == NULL &&
		token->signature_n == crypto_sign_BYTES &&
		crypto_sign_verify_detached(token->signature, token->covered.p,
			token->covered.n, public_key) == 0;
	check(!right || jwt_keys_verify(keys, ALL, token) == NULL);
	if (jwt_keys_verify(keys, ALL, token) == NULL)
		check(right);
}

static bool
is_of_array(const json_t *array, const char *text)
{
	for (size_t i = 0; i < json_array_size(array); i++) {
		const char *value = json_string_value(json_array_get(array, i));
		if (value != NULL && strcmp(value, text) == 0)
			return true;
	}
	return false;
}

/* Claims that are taken, now and as long as they say. */
static void
check_claims(const struct jwt_rules *rules, const json_t *claims)
{
	const json_t *audience = json_object_get(claims, "aud");
	const char *text = json_string_value(audience);
	double expires = json_number_value(json_object_get(claims, "exp"));

	check(jwt_claims_is_ours(rules, claims));
	check(strcmp(member(claims, "iss"), rules->issuer) == 0);
	check(text != NULL ? strcmp(text, rules->audience) == 0
			   : is_of_array(audience, rules->audience));
	check(expires > NOW - LEEWAY);
	if (expires < NOW + 1000000)
		check(jwt_claims_check(rules, claims, (time_t)expires + 2 * LEEWAY) !=
			NULL);
	if (strcmp(rules->user_claim, "email") == 0 && !rules->unverified_email)
		check(json_object_get(claims, "email_verified") != NULL);
	if (rules->scope != NULL)
		check(json_object_get(claims, "scope") != NULL ||
			json_object_get(claims, "scp") != NULL);
}

static void
check_rules(unsigned options, const json_t *claims)
{
	const struct jwt_rules rules = {.issuer = "https://id.example.org",
		.audience = "pop",
		.scope = (options & OPTION_SCOPE) != 0 ? "mail" : NULL,
		.user_claim = (options & OPTION_EMAIL) != 0 ? "email" : "sub",
		.unverified_email = (options & OPTION_UNVERIFIED) != 0,
		.leeway = LEEWAY};
	/* Its size is exact, so that the sanitizers see an octet too many. */
	char *user = malloc(AUTH_USER_MAX + 1);

	check(user != NULL);
	if (jwt_claims_check(&rules, claims, NOW) == NULL)
		check_claims(&rules, claims);
	if (jwt_claims_user(&rules, claims, user)) {
		check(credential_is_user(user, strlen(user)));
		check(strcmp(user, member(claims, rules.user_claim)) == 0);
	}
	free(user);
}

static void
check_token(unsigned options, const struct jwt_keys *keys, const struct text *text)
{
	const struct auth_span span = {(const unsigned char *)text->p, text->n};
	struct jwt_token token;

	if (!jwt_token_parse(&token, span)) {
		check(token.header == NULL && token.claims == NULL);
		return;
	}
	check(token.covered.p == span.p && token.covered.n + 1 < span.n);
	check(span.p[token.covered.n] == '.');
	check(token.signature_n > 0 && token.signature_n <= sizeof(token.signature));
	check(json_is_object(token.header) && json_is_object(token.claims));
	check(json_object_get(token.header, "crit") == NULL);
	check_known_key(&token);
	if (keys != NULL && jwt_keys_verify(keys, ALL, &token) == NULL)
		check_signature(keys, &token);
	check_rules(options, token.claims);
	jwt_token_free(&token);
}

/* Where the last line feed is, or the beginning. */
static size_t
last_line(const char *p, size_t n)
{
	const char *lf = n > 0 ? memrchr(p, '\n', n) : NULL;

	return lf != NULL ? (size_t)(lf - p) : 0;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *input = (const char *)data + 1;
	struct text set = {0}, text = {0};
	struct jwt_keys *keys;
	size_t n = size - 1, at, skipped = 0;

	if (size < 1)
		return 0;
	set_up();
	at = last_line(input, n);
	if ((data[0] & OPTION_SIGN) != 0) {
		size_t header = last_line(input, at);

		text_sign(&text, input + header, at - header, input + at, n - at);
		at = header;
	} else {
		text_add(&text, input + at + (at > 0), n - at - (at > 0));
		check_decoding(text.p, text.n);
	}
	text_add(&set, input, at);
	keys = jwt_keys_parse(set.p, set.n, &skipped);
	check(skipped <= set.n);
	check_token(data[0], keys, &text);
	jwt_keys_free(keys);
	free(set.p);
	free(text.p);
	return 0;
}
