#include "auth/jwt_claims.h"

#include <string.h>

#include "auth/credential.h"

static bool
is_text(const json_t *value, const char *text)
{
	return json_is_string(value) && strcmp(json_string_value(value), text) == 0;
}

static bool
array_has(const json_t *array, const char *text)
{
	const json_t *value;
	size_t i;

	json_array_foreach(array, i, value) if (is_text(value, text)) return true;
	return false;
}

/* One of the words in a text, which is how RFC 6749 writes scopes, or of an array. */
static bool
words_have(const json_t *value, const char *word)
{
	const char *p = json_string_value(value);
	size_t n = strlen(word);

	if (p == NULL)
		return array_has(value, word);
	while (*p != '\0') {
		size_t length = strcspn(p, " ");

		if (length == n && memcmp(p, word, n) == 0)
			return true;
		p += length + strspn(p + length, " ");
	}
	return false;
}

/* OpenID Connect has a boolean here; some issuers write it as a string. */
static bool
is_verified(const json_t *claims)
{
	const json_t *verified = json_object_get(claims, "email_verified");

	return json_is_true(verified) || is_text(verified, "true");
}

bool
jwt_claims_is_ours(const struct jwt_rules *rules, const json_t *claims)
{
	return is_text(json_object_get(claims, "iss"), rules->issuer);
}

/* RFC 7519 section 2: seconds since the epoch, which need not be whole. */
static const char *
times_check(const struct jwt_rules *rules, const json_t *claims, time_t now)
{
	const json_t *expires = json_object_get(claims, "exp");
	const json_t *begins = json_object_get(claims, "nbf");
	const json_t *issued = json_object_get(claims, "iat");
	double early = (double)now - (double)rules->leeway;
	double late = (double)now + (double)rules->leeway;

	if (!json_is_number(expires))
		return "no time of expiry";
	if (json_number_value(expires) <= early)
		return "expired";
	if (begins != NULL && !json_is_number(begins))
		return "time of beginning is no number";
	if (begins != NULL && json_number_value(begins) > late)
		return "not valid yet";
	if (issued != NULL && !json_is_number(issued))
		return "time of issue is no number";
	if (issued != NULL && json_number_value(issued) > late)
		return "issued in the future";
	return NULL;
}

const char *
jwt_claims_check(const struct jwt_rules *rules, const json_t *claims, time_t now)
{
	const json_t *audience = json_object_get(claims, "aud");

	if (!jwt_claims_is_ours(rules, claims))
		return "another issuer";
	if (!is_text(audience, rules->audience) && !array_has(audience, rules->audience))
		return "for another audience";
	if (rules->scope != NULL &&
		!words_have(json_object_get(claims, "scope"), rules->scope) &&
		!words_have(json_object_get(claims, "scp"), rules->scope))
		return "without the scope";
	/* Anybody can tell an issuer an address that was not checked. */
	if (strcmp(rules->user_claim, "email") == 0 && !rules->unverified_email &&
		!is_verified(claims))
		return "address is not verified";
	return times_check(rules, claims, now);
}

bool
jwt_claims_user(
	const struct jwt_rules *rules, const json_t *claims, char user[AUTH_USER_MAX + 1])
{
	const json_t *name = json_object_get(claims, rules->user_claim);
	size_t n = json_string_length(name);

	if (!json_is_string(name) || !credential_is_user(json_string_value(name), n))
		return false;
	memcpy(user, json_string_value(name), n);
	user[n] = '\0';
	return true;
}
