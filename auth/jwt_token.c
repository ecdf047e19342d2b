#include "auth/jwt_token.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

/* libsodium 1.0.18 takes each octet of 0x80 and above for the last of the alphabet. */
static bool
is_ascii(const char *text, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if ((unsigned char)text[i] > 0x7f)
			return false;
	return true;
}

bool
jwt_token_decode(
	const char *text, size_t n, unsigned char *out, size_t cap, size_t *written)
{
	*written = 0;
	return n > 0 && is_ascii(text, n) &&
	       sodium_base642bin(out, cap, text, n, NULL, written, NULL,
		       sodium_base64_VARIANT_URLSAFE_NO_PADDING) == 0;
}

/* Cut the part before the next '.' off; false if there is no dot. */
static bool
part_cut(struct auth_span *text, struct auth_span *part)
{
	const unsigned char *dot = text->n > 0 ? memchr(text->p, '.', text->n) : NULL;

	if (dot == NULL)
		return false;
	part->p = text->p;
	part->n = (size_t)(dot - text->p);
	text->p = dot + 1;
	text->n -= part->n + 1;
	return true;
}

/* An object in JSON in base64url; NULL if it is anything else. */
static json_t *
part_load(struct auth_span part)
{
	unsigned char *octets = malloc(part.n + 1);
	json_t *object = NULL;
	size_t n;

	if (octets == NULL)
		return NULL;
	if (jwt_token_decode((const char *)part.p, part.n, octets, part.n, &n))
		object =
			json_loadb((const char *)octets, n, JSON_REJECT_DUPLICATES, NULL);
	explicit_bzero(octets, part.n);
	free(octets);
	if (object != NULL && !json_is_object(object)) {
		json_decref(object);
		return NULL;
	}
	return object;
}

bool
jwt_token_parse(struct jwt_token *token, struct auth_span text)
{
	struct auth_span rest = text, header, claims;

	memset(token, 0, sizeof(*token));
	if (!part_cut(&rest, &header) || !part_cut(&rest, &claims) ||
		!jwt_token_decode((const char *)rest.p, rest.n, token->signature,
			sizeof(token->signature), &token->signature_n))
		return false;
	token->covered.p = text.p;
	token->covered.n = header.n + 1 + claims.n;
	token->header = part_load(header);
	token->claims = part_load(claims);
	/* RFC 7515 section 4.1.11: what is critical and not understood makes it invalid.
	 */
	if (token->header != NULL && token->claims != NULL &&
		json_object_get(token->header, "crit") == NULL)
		return true;
	jwt_token_free(token);
	return false;
}

void
jwt_token_free(struct jwt_token *token)
{
	json_decref(token->header);
	json_decref(token->claims);
	token->header = NULL;
	token->claims = NULL;
}
