#include "auth/scram_keys.h"

#include <stdio.h>
#include <string.h>

#include "auth/base64.h"
#include "auth/hmac.h"

/* Cut what stands before the next ',' off the front of text; false if there is none. */
static bool
field_cut(struct auth_span *text, struct auth_span *field)
{
	const unsigned char *comma = text->n > 0 ? memchr(text->p, ',', text->n) : NULL;

	if (comma == NULL)
		return false;
	field->p = text->p;
	field->n = (size_t)(comma - text->p);
	text->p = comma + 1;
	text->n -= field->n + 1;
	return true;
}

/* Digits only, without a zero before them. */
static bool
iterations_parse(struct auth_span text, uint32_t *iterations)
{
	uint64_t value = 0;

	if (text.n == 0 || text.n > 10 || text.p[0] == '0')
		return false;
	for (size_t i = 0; i < text.n; i++) {
		if (text.p[i] < '0' || text.p[i] > '9')
			return false;
		value = value * 10 + (uint64_t)(text.p[i] - '0');
	}
	*iterations = (uint32_t)value;
	return value <= UINT32_MAX;
}

static bool
key_parse(struct auth_span text, unsigned char key[AUTH_KEY_OCTETS])
{
	size_t n;

	return base64_decode((const char *)text.p, text.n, key, AUTH_KEY_OCTETS, &n) &&
	       n == AUTH_KEY_OCTETS;
}

enum scram_keys_fault
scram_keys_parse(struct auth_span text, struct auth_scram *keys)
{
	struct auth_span iterations, salt, stored;
	size_t n;

	memset(keys, 0, sizeof(*keys));
	if (!field_cut(&text, &iterations) || !field_cut(&text, &salt) ||
		!field_cut(&text, &stored) ||
		!iterations_parse(iterations, &keys->iterations) ||
		!base64_decode((const char *)salt.p, salt.n, keys->salt,
			sizeof(keys->salt), &n) ||
		n == 0 || !key_parse(stored, keys->stored_key) ||
		!key_parse(text, keys->server_key))
		return SCRAM_KEYS_MALFORMED;
	keys->salt_octets = (uint32_t)n;
	if (keys->iterations < SCRAM_ITERATIONS_MIN)
		return SCRAM_KEYS_WEAK;
	if (keys->iterations > SCRAM_ITERATIONS_MAX)
		return SCRAM_KEYS_EXCESSIVE;
	return SCRAM_KEYS_GOOD;
}

bool
scram_keys_format(const struct auth_scram *keys, char text[SCRAM_KEYS_TEXT_SIZE])
{
	char *p = text;
	int n;

	if (keys->salt_octets > SCRAM_SALT_NEW)
		return false;
	n = snprintf(text, SCRAM_KEYS_TEXT_SIZE, "%lu,", (unsigned long)keys->iterations);
	if (n < 0)
		return false;
	p += n;
	p += base64_encode(keys->salt, keys->salt_octets, p);
	*p++ = ',';
	p += base64_encode(keys->stored_key, AUTH_KEY_OCTETS, p);
	*p++ = ',';
	p += base64_encode(keys->server_key, AUTH_KEY_OCTETS, p);
	*p = '\0';
	return true;
}

/* Hi() of RFC 5802 section 2.2: PBKDF2 for one block. */
static void
salt_password(const struct auth_scram *keys, struct auth_span password,
	unsigned char salted[AUTH_KEY_OCTETS])
{
	static const unsigned char one[] = {0, 0, 0, 1};
	unsigned char u[AUTH_KEY_OCTETS];
	struct hmac keyed, hmac;

	hmac_begin(&keyed, password.p, password.n);
	hmac = keyed;
	hmac_add(&hmac, keys->salt, keys->salt_octets);
	hmac_add(&hmac, one, sizeof(one));
	hmac_end(&hmac, u);
	memcpy(salted, u, sizeof(u));
	for (uint32_t i = 1; i < keys->iterations; i++) {
		hmac = keyed;
		hmac_add(&hmac, u, sizeof(u));
		hmac_end(&hmac, u);
		for (size_t k = 0; k < sizeof(u); k++)
			salted[k] ^= u[k];
	}
	explicit_bzero(&keyed, sizeof(keyed));
	explicit_bzero(u, sizeof(u));
}

static void
key_make(const unsigned char salted[AUTH_KEY_OCTETS], const char *label,
	unsigned char key[AUTH_KEY_OCTETS])
{
	struct hmac hmac;

	hmac_begin(&hmac, salted, AUTH_KEY_OCTETS);
	hmac_add(&hmac, label, strlen(label));
	hmac_end(&hmac, key);
}

void
scram_keys_derive(struct auth_scram *keys, struct auth_span password)
{
	unsigned char salted[AUTH_KEY_OCTETS], client_key[AUTH_KEY_OCTETS];
	SHA2_CTX hash;

	salt_password(keys, password, salted);
	key_make(salted, "Client Key", client_key);
	key_make(salted, "Server Key", keys->server_key);
	SHA256Init(&hash);
	SHA256Update(&hash, client_key, sizeof(client_key));
	SHA256Final(keys->stored_key, &hash);
	explicit_bzero(&hash, sizeof(hash));
	explicit_bzero(salted, sizeof(salted));
	explicit_bzero(client_key, sizeof(client_key));
}

bool
scram_keys_match(const struct auth_scram *keys, struct auth_span password)
{
	struct auth_scram own = *keys;
	bool match;

	scram_keys_derive(&own, password);
	match = scram_keys_equal(own.stored_key, keys->stored_key);
	explicit_bzero(&own, sizeof(own));
	return match;
}

bool
scram_keys_equal(
	const unsigned char a[AUTH_KEY_OCTETS], const unsigned char b[AUTH_KEY_OCTETS])
{
	volatile unsigned char differ = 0;

	for (size_t i = 0; i < AUTH_KEY_OCTETS; i++)
		differ |= a[i] ^ b[i];
	return differ == 0;
}
