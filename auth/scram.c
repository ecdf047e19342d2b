#include "auth/scram.h"

#include <string.h>

#include "auth/base64.h"
#include "auth/hmac.h"
#include "auth/scram_keys.h"

static const char malformed[] = "malformed message";
static const char mandatory[] = "mandatory extension that is not supported";

/* Octets of the UTF-8 sequence (RFC 3629) at p, of n octets; 0 if there is none. */
static size_t
sequence_measure(const unsigned char *p, size_t n)
{
	/* The second octet of a sequence has a range of its own for these. */
	unsigned char low = 0x80, high = 0xbf;
	size_t length;

	if (p[0] < 0x80)
		return p[0] != '\0';
	if (p[0] < 0xc2 || p[0] > 0xf4)
		return 0;
	length = p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3 : 4;
	if (p[0] == 0xe0)
		low = 0xa0;
	else if (p[0] == 0xed)
		high = 0x9f;
	else if (p[0] == 0xf0)
		low = 0x90;
	else if (p[0] == 0xf4)
		high = 0x8f;
	if (n < length || p[1] < low || p[1] > high)
		return 0;
	for (size_t i = 2; i < length; i++)
		if (p[i] < 0x80 || p[i] > 0xbf)
			return 0;
	return length;
}

/* UTF-8 without a NUL. */
static bool
is_text(struct auth_span span)
{
	for (size_t i = 0, n; i < span.n; i += n) {
		n = sequence_measure(span.p + i, span.n - i);
		if (n == 0)
			return false;
	}
	return true;
}

static bool
is_alpha(unsigned char c)
{
	return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

/* A message that is taken apart at its commas. */
struct rest {
	struct auth_span text;
	bool more; /* a field follows, which may be empty */
};

static struct rest
rest_of(struct auth_span message)
{
	return (struct rest){message, true};
}

static bool
field_cut(struct rest *rest, struct auth_span *field)
{
	const unsigned char *comma =
		rest->text.n > 0 ? memchr(rest->text.p, ',', rest->text.n) : NULL;

	if (!rest->more)
		return false;
	*field = rest->text;
	rest->more = comma != NULL;
	if (comma != NULL) {
		field->n = (size_t)(comma - field->p);
		rest->text.p = comma + 1;
		rest->text.n -= field->n + 1;
	}
	return true;
}

/* Cut "x=value" off, for a given x. */
static bool
attribute_cut(struct rest *rest, unsigned char name, struct auth_span *value)
{
	if (!field_cut(rest, value) || value->n < 3 || value->p[0] != name ||
		value->p[1] != '=')
		return false;
	value->p += 2;
	value->n -= 2;
	return true;
}

/* What is left must be optional extensions, which mean nothing here. */
static const char *
extensions_check(struct rest *rest)
{
	struct auth_span field;

	while (field_cut(rest, &field)) {
		if (field.n < 3 || !is_alpha(field.p[0]) || field.p[1] != '=')
			return malformed;
		if (field.p[0] == 'm')
			return mandatory;
	}
	return NULL;
}

static bool
is_nonce(struct auth_span nonce)
{
	for (size_t i = 0; i < nonce.n; i++)
		if (nonce.p[i] < 0x21 || nonce.p[i] > 0x7e)
			return false;
	return nonce.n > 0;
}

static bool
is_binding_name(struct auth_span name)
{
	for (size_t i = 0; i < name.n; i++)
		if (!is_alpha(name.p[i]) && (name.p[i] < '0' || name.p[i] > '9') &&
			name.p[i] != '.' && name.p[i] != '-')
			return false;
	return name.n > 0;
}

/* gs2-cbind-flag */
static const char *
flag_parse(struct auth_span field, struct scram_first *first)
{
	if (field.n == 1 && (field.p[0] == 'n' || field.p[0] == 'y')) {
		first->flag = field.p[0] == 'n' ? SCRAM_NO_BINDING : SCRAM_BINDING_UNUSED;
		return NULL;
	}
	if (field.n < 3 || field.p[0] != 'p' || field.p[1] != '=')
		return malformed;
	first->flag = SCRAM_BINDING;
	first->binding.p = field.p + 2;
	first->binding.n = field.n - 2;
	return is_binding_name(first->binding) ? NULL : malformed;
}

/* gs2-header, with the comma that ends it */
static const char *
header_parse(struct rest *rest, struct scram_first *first)
{
	struct auth_span field;
	const char *fault;

	if (!field_cut(rest, &field))
		return malformed;
	fault = flag_parse(field, first);
	if (fault != NULL)
		return fault;
	if (!field_cut(rest, &field) || !rest->more)
		return malformed;
	if (field.n == 0)
		return NULL;
	if (field.n < 3 || field.p[0] != 'a' || field.p[1] != '=')
		return malformed;
	first->authzid.p = field.p + 2;
	first->authzid.n = field.n - 2;
	return NULL;
}

const char *
scram_first_parse(struct auth_span message, struct scram_first *first)
{
	struct rest rest = rest_of(message);
	const char *fault;

	memset(first, 0, sizeof(*first));
	if (message.n > SCRAM_MESSAGE_MAX || !is_text(message))
		return malformed;
	fault = header_parse(&rest, first);
	if (fault != NULL)
		return fault;
	first->bare = rest.text;
	first->header.p = message.p;
	first->header.n = message.n - first->bare.n;
	if (first->bare.n > 1 && memcmp(first->bare.p, "m=", 2) == 0)
		return mandatory;
	if (!attribute_cut(&rest, 'n', &first->name) ||
		!attribute_cut(&rest, 'r', &first->nonce) || !is_nonce(first->nonce) ||
		first->nonce.n > SCRAM_NONCE_MAX)
		return malformed;
	return extensions_check(&rest);
}

/* Cut ",p=proof" off the end of the message. */
static bool
proof_cut(struct auth_span *message, unsigned char proof[AUTH_KEY_OCTETS])
{
	const unsigned char *comma =
		message->n > 0 ? memrchr(message->p, ',', message->n) : NULL;
	size_t left, n;

	if (comma == NULL)
		return false;
	left = message->n - (size_t)(comma - message->p);
	if (left < 3 || memcmp(comma, ",p=", 3) != 0 ||
		!base64_decode(
			(const char *)comma + 3, left - 3, proof, AUTH_KEY_OCTETS, &n))
		return false;
	message->n -= left;
	return n == AUTH_KEY_OCTETS;
}

const char *
scram_final_parse(struct auth_span message, struct scram_final *final)
{
	struct rest rest;

	memset(final, 0, sizeof(*final));
	if (message.n > SCRAM_MESSAGE_MAX || !is_text(message) ||
		!proof_cut(&message, final->proof))
		return malformed;
	final->without_proof = message;
	rest = rest_of(message);
	if (message.n > 1 && memcmp(message.p, "m=", 2) == 0)
		return mandatory;
	if (!attribute_cut(&rest, 'c', &final->binding) ||
		!attribute_cut(&rest, 'r', &final->nonce) || !is_nonce(final->nonce))
		return malformed;
	return extensions_check(&rest);
}

bool
scram_name_decode(struct auth_span name, char out[AUTH_USER_MAX], size_t *n)
{
	*n = 0;
	for (size_t i = 0; i < name.n; i++) {
		char c = (char)name.p[i];

		if (c == '=' && name.n - i >= 3 && memcmp(name.p + i, "=2C", 3) == 0)
			c = ',';
		else if (c == '=' &&
			 (name.n - i < 3 || memcmp(name.p + i, "=3D", 3) != 0))
			return false;
		if (name.p[i] == '=')
			i += 2;
		if (*n == AUTH_USER_MAX)
			return false;
		out[(*n)++] = c;
	}
	return true;
}

void
scram_sign(const unsigned char key[AUTH_KEY_OCTETS],
	const struct scram_exchange *exchange, unsigned char signature[AUTH_KEY_OCTETS])
{
	struct hmac hmac;

	hmac_begin(&hmac, key, AUTH_KEY_OCTETS);
	hmac_add(&hmac, exchange->client_first_bare.p, exchange->client_first_bare.n);
	hmac_add(&hmac, ",", 1);
	hmac_add(&hmac, exchange->server_first.p, exchange->server_first.n);
	hmac_add(&hmac, ",", 1);
	hmac_add(&hmac, exchange->client_final_without_proof.p,
		exchange->client_final_without_proof.n);
	hmac_end(&hmac, signature);
}

bool
scram_proof_check(const unsigned char stored_key[AUTH_KEY_OCTETS],
	const struct scram_exchange *exchange, const unsigned char proof[AUTH_KEY_OCTETS])
{
	unsigned char key[AUTH_KEY_OCTETS], digest[AUTH_KEY_OCTETS];
	SHA2_CTX hash;
	bool good;

	/* ClientKey := ClientProof XOR ClientSignature */
	scram_sign(stored_key, exchange, key);
	for (size_t i = 0; i < sizeof(key); i++)
		key[i] ^= proof[i];
	SHA256Init(&hash);
	SHA256Update(&hash, key, sizeof(key));
	SHA256Final(digest, &hash);
	good = scram_keys_equal(digest, stored_key);
	explicit_bzero(&hash, sizeof(hash));
	explicit_bzero(key, sizeof(key));
	return good;
}
