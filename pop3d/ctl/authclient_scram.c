/*
 * The client of SCRAM-SHA-256 (RFC 5802 sections 3 and 5, RFC 7677), without channel
 * binding.
 */
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#include "auth/base64.h"
#include "auth/hmac.h"
#include "auth/saslprep.h"
#include "auth/scram.h"
#include "auth/scram_keys.h"
#include "pop3d/ctl/authclient.h"

#define RANDOM_OCTETS 18u
#define HEADER "n,,"
#define HEADER_BASE64 "biws"

/* server-first-message; the spans point into it. */
struct server_first {
	struct auth_span nonce;
	struct auth_scram keys; /* salt and iterations */
};

/* The value of the next attribute, up to a ',' or the end; false if it is another one. */
static bool
attribute_cut(struct auth_span *text, char name, struct auth_span *value)
{
	const unsigned char *comma;

	if (text->n < 2 || text->p[0] != (unsigned char)name || text->p[1] != '=')
		return false;
	comma = memchr(text->p, ',', text->n);
	value->p = text->p + 2;
	value->n = (comma != NULL ? (size_t)(comma - text->p) : text->n) - 2;
	text->n -= value->n + 2 + (comma != NULL ? 1 : 0);
	text->p = value->p + value->n + (comma != NULL ? 1 : 0);
	return true;
}

static bool
first_parse(struct auth_span text, struct server_first *first)
{
	struct auth_span salt, iterations;
	uint64_t value = 0;
	size_t n;

	memset(first, 0, sizeof(*first));
	if (!attribute_cut(&text, 'r', &first->nonce) ||
		!attribute_cut(&text, 's', &salt) ||
		!attribute_cut(&text, 'i', &iterations) || iterations.n == 0 ||
		iterations.n > 9 ||
		!base64_decode((const char *)salt.p, salt.n, first->keys.salt,
			sizeof(first->keys.salt), &n))
		return false;
	for (size_t i = 0; i < iterations.n; i++) {
		if (iterations.p[i] < '0' || iterations.p[i] > '9')
			return false;
		value = value * 10 + (uint64_t)(iterations.p[i] - '0');
	}
	first->keys.salt_octets = (uint32_t)n;
	first->keys.iterations = (uint32_t)value;
	return n > 0 && value > 0 && value <= SCRAM_ITERATIONS_MAX;
}

static bool
nonce_make(struct authclient *client)
{
	unsigned char random[RANDOM_OCTETS];

	if (client->nonce[0] != '\0')
		return true;
	if (getrandom(random, sizeof(random), 0) != (ssize_t)sizeof(random))
		return false;
	client->nonce[base64_encode(random, sizeof(random), client->nonce)] = '\0';
	return true;
}

static void
put_bare(const struct authclient *client, struct authclient_message *message)
{
	authclient_text(message, "n=");
	authclient_name(message, client->user);
	authclient_text(message, ",r=");
	authclient_text(message, client->nonce);
}

/* ClientKey: section 3's HMAC(SaltedPassword, "Client Key"), Hi() being PBKDF2. */
static void
client_key(const struct auth_scram *keys, struct auth_span password,
	unsigned char key[AUTH_KEY_OCTETS])
{
	static const unsigned char one[] = {0, 0, 0, 1};
	static const char label[] = "Client Key";
	unsigned char u[AUTH_KEY_OCTETS], salted[AUTH_KEY_OCTETS];
	struct hmac keyed, hmac;

	hmac_begin(&keyed, password.p, password.n);
	hmac = keyed;
	hmac_add(&hmac, keys->salt, keys->salt_octets);
	hmac_add(&hmac, one, sizeof(one));
	hmac_end(&hmac, u);
	memcpy(salted, u, sizeof(salted));
	for (uint32_t i = 1; i < keys->iterations; i++) {
		hmac = keyed;
		hmac_add(&hmac, u, sizeof(u));
		hmac_end(&hmac, u);
		for (size_t j = 0; j < sizeof(salted); j++)
			salted[j] ^= u[j];
	}
	hmac_begin(&hmac, salted, sizeof(salted));
	hmac_add(&hmac, label, sizeof(label) - 1);
	hmac_end(&hmac, key);
	explicit_bzero(salted, sizeof(salted));
	explicit_bzero(u, sizeof(u));
	explicit_bzero(&keyed, sizeof(keyed));
}

/* ClientProof, and the signature that is to come from the server. */
static void
prove(struct authclient *client, struct server_first *first,
	const struct scram_exchange *exchange, unsigned char proof[AUTH_KEY_OCTETS])
{
	char prepared[AUTH_PASSWORD_MAX + 1];
	struct auth_span password = client->secret;
	unsigned char signature[AUTH_KEY_OCTETS];
	size_t n;

	/* A password that is no Unicode counts as it is, here as where it is stored. */
	if (saslprep(client->secret, prepared, sizeof(prepared), &n))
		password = (struct auth_span){(unsigned char *)prepared, n};
	scram_keys_derive(&first->keys, password);
	client_key(&first->keys, password, proof);
	scram_sign(first->keys.stored_key, exchange, signature);
	for (size_t i = 0; i < sizeof(signature); i++)
		proof[i] ^= signature[i];
	scram_sign(first->keys.server_key, exchange, client->signature);
	explicit_bzero(prepared, sizeof(prepared));
}

static const char *
final_make(struct authclient *client, struct auth_span challenge,
	struct authclient_message *message)
{
	struct scram_exchange exchange = {.server_first = challenge};
	struct authclient_message bare;
	struct server_first first;
	unsigned char proof[AUTH_KEY_OCTETS];
	char text[BASE64_ENCODED(AUTH_KEY_OCTETS)];
	size_t n = strlen(client->nonce);

	if (!first_parse(challenge, &first))
		return "the server's first message is malformed";
	if (first.nonce.n <= n || memcmp(first.nonce.p, client->nonce, n) != 0)
		return "the server has sent a nonce of another client";
	bare.n = 0;
	put_bare(client, &bare);
	authclient_text(message, "c=" HEADER_BASE64 ",r=");
	authclient_put(message, first.nonce.p, first.nonce.n);
	exchange.client_first_bare = (struct auth_span){bare.p, bare.n};
	exchange.client_final_without_proof = (struct auth_span){message->p, message->n};
	prove(client, &first, &exchange, proof);
	explicit_bzero(&first, sizeof(first));
	authclient_text(message, ",p=");
	authclient_put(message, text, base64_encode(proof, sizeof(proof), text));
	return NULL;
}

static const char *
signature_check(const struct authclient *client, struct auth_span challenge)
{
	char text[2 + BASE64_ENCODED(AUTH_KEY_OCTETS)] = "v=";

	(void)base64_encode(client->signature, sizeof(client->signature), text + 2);
	if (challenge.n == sizeof(text) && memcmp(challenge.p, text, sizeof(text)) == 0)
		return NULL;
	return "the server does not know the password: its signature is wrong";
}

const char *
authclient_scram(struct authclient *client, struct auth_span challenge,
	struct authclient_message *message)
{
	if (client->step == 1)
		return final_make(client, challenge, message);
	if (client->step > 1)
		return signature_check(client, challenge);
	if (!nonce_make(client))
		return "there is no randomness";
	authclient_text(message, HEADER);
	put_bare(client, message);
	return NULL;
}
