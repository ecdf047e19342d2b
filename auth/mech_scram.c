/*
 * SCRAM-SHA-256 and SCRAM-SHA-256-PLUS (RFC 5802, RFC 7677).
 *
 * Who has no keys gets made-up ones, the same at each attempt, and is refused where a
 * wrong password is: at the proof.  The server's signature goes as a challenge, because
 * the success line of POP3 carries no data (RFC 5034 section 4).
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "auth/base64.h"
#include "auth/hmac.h"
#include "auth/mechanisms.h"
#include "auth/scram.h"
#include "auth/scram_keys.h"

#define NONCE_OCTETS 18u /* of the server's part, before it becomes base64 */

enum stage { FIRST = 0, FINAL, SIGNED };

struct state {
	enum stage stage;
	bool known;          /* the keys are those of a user who may log in */
	struct auth_out out; /* the modules' answer, with the keys, or made-up ones */
	unsigned char client_first[SCRAM_MESSAGE_MAX];
	char server_first[AUTH_CHALLENGE_MAX];
	/* What the client must send back: spans of the two above, and base64. */
	struct auth_span bare, nonce;
	char binding[BASE64_ENCODED(SCRAM_MESSAGE_MAX + AUTH_BINDING_MAX)];
	size_t binding_n;
};

static bool
span_is(struct auth_span span, const void *p, size_t n)
{
	return span.n == n && (n == 0 || memcmp(span.p, p, n) == 0);
}

/* The data that the client must have bound to; NULL if we have none of that kind. */
static const struct auth_span *
binding_find(const struct auth_peer *peer, struct auth_span name)
{
	const struct {
		const char *name;
		const struct auth_span *data;
	} kinds[] = {
		{"tls-exporter", &peer->exporter},
		{"tls-unique", &peer->unique},
		{"tls-server-end-point", &peer->end_point},
	};

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (span_is(name, kinds[i].name, strlen(kinds[i].name)) &&
			kinds[i].data->n > 0)
			return kinds[i].data;
	return NULL;
}

/* RFC 5802 section 6.  Returns what is wrong, and the data in *data, if any. */
static const char *
binding_judge(const struct auth_exchange *exchange, const struct scram_first *first,
	struct auth_span *data)
{
	const struct auth_peer *peer = exchange->peer;
	bool plus = (exchange->mechanism->flags & MECHANISM_BINDING) != 0;
	const struct auth_span *found;

	*data = (struct auth_span){NULL, 0};
	if (plus != (first->flag == SCRAM_BINDING))
		return plus ? "no channel binding" : "channel binding without -PLUS";
	/* Somebody has taken -PLUS out of the list that the client got. */
	if (first->flag == SCRAM_BINDING_UNUSED &&
		(peer->exporter.n > 0 || peer->unique.n > 0 || peer->end_point.n > 0))
		return "channel binding was negotiated away";
	if (!plus)
		return NULL;
	found = binding_find(peer, first->binding);
	if (found == NULL || found->n > AUTH_BINDING_MAX)
		return "unsupported kind of channel binding";
	*data = *found;
	return NULL;
}

/* What c= must be: the header of the client's first message and the channel's data. */
static void
binding_expect(
	struct state *state, const struct scram_first *first, struct auth_span data)
{
	unsigned char input[SCRAM_MESSAGE_MAX + AUTH_BINDING_MAX];

	memcpy(input, first->header.p, first->header.n);
	if (data.n > 0)
		memcpy(input + first->header.n, data.p, data.n);
	state->binding_n = base64_encode(input, first->header.n + data.n, state->binding);
}

/* The name, and that nobody wants to act for another. */
static const char *
user_take(struct auth_exchange *exchange, const struct scram_first *first)
{
	char name[AUTH_USER_MAX], authzid[AUTH_USER_MAX];
	size_t name_n, authzid_n;

	if (!scram_name_decode(first->name, name, &name_n) ||
		!auth_exchange_user(exchange, name, name_n))
		return "malformed user name";
	if (first->authzid.n == 0)
		return NULL;
	if (!scram_name_decode(first->authzid, authzid, &authzid_n))
		return "malformed user name";
	return authzid_n == name_n && memcmp(authzid, name, name_n) == 0
		       ? NULL
		       : "asked to act for another user";
}

/* The same for the same name at each attempt, as the keys of a user are. */
static void
keys_invent(const struct auth_exchange *exchange, struct auth_scram *keys)
{
	unsigned char mac[AUTH_KEY_OCTETS];
	struct hmac hmac;

	hmac_begin(&hmac, exchange->peer->seed.p, exchange->peer->seed.n);
	hmac_add(&hmac, exchange->user, strlen(exchange->user));
	hmac_end(&hmac, mac);
	memset(keys, 0, sizeof(*keys));
	keys->iterations = SCRAM_ITERATIONS_NEW;
	keys->salt_octets = SCRAM_SALT_NEW;
	memcpy(keys->salt, mac, SCRAM_SALT_NEW);
	memcpy(keys->stored_key, mac, sizeof(mac));
	memcpy(keys->server_key, mac, sizeof(mac));
}

static enum auth_result
keys_fetch(struct auth_exchange *exchange, struct state *state)
{
	const struct auth_span nothing = {NULL, 0};
	enum auth_result result = auth_exchange_ask(exchange, nothing, nothing);
	struct auth_scram *keys = &state->out.scram;

	if (result == AUTH_TEMPFAIL)
		return result;
	state->out = exchange->out;
	explicit_bzero(&exchange->out, sizeof(exchange->out));
	state->known = result == AUTH_OK && keys->salt_octets > 0 &&
		       keys->iterations >= SCRAM_ITERATIONS_MIN;
	if (result == AUTH_OK && !state->known)
		(void)snprintf(state->out.reason, sizeof(state->out.reason),
			"no usable SCRAM keys");
	if (!state->known)
		keys_invent(exchange, keys);
	return AUTH_OK;
}

/* server-first-message */
static enum auth_result
first_answer(struct auth_exchange *exchange, struct state *state, struct auth_span nonce)
{
	const struct auth_scram *keys = &state->out.scram;
	char own[BASE64_ENCODED(NONCE_OCTETS)], salt[BASE64_ENCODED(AUTH_SALT_MAX)];
	unsigned char random[NONCE_OCTETS];
	int n;

	if (getrandom(random, sizeof(random), 0) != (ssize_t)sizeof(random))
		return AUTH_TEMPFAIL;
	n = snprintf(state->server_first, sizeof(state->server_first),
		"r=%.*s%.*s,s=%.*s,i=%lu", (int)nonce.n, (const char *)nonce.p,
		(int)base64_encode(random, sizeof(random), own), own,
		(int)base64_encode(keys->salt, keys->salt_octets, salt), salt,
		(unsigned long)keys->iterations);
	if (n < 0 || (size_t)n >= sizeof(state->server_first))
		return AUTH_TEMPFAIL;
	state->nonce.p = (const unsigned char *)state->server_first + 2;
	state->nonce.n = nonce.n + sizeof(own);
	state->stage = FINAL;
	return auth_exchange_challenge(exchange, state->server_first, (size_t)n);
}

static enum auth_result
first_take(struct auth_exchange *exchange, struct state *state, struct auth_span in)
{
	struct scram_first first;
	struct auth_span data;
	enum auth_result result;
	const char *fault;

	fault = scram_first_parse(in, &first);
	if (fault == NULL)
		fault = binding_judge(exchange, &first, &data);
	if (fault == NULL)
		fault = user_take(exchange, &first);
	if (fault != NULL)
		return auth_exchange_deny(exchange, fault);
	binding_expect(state, &first, data);
	memcpy(state->client_first, first.bare.p, first.bare.n);
	state->bare = (struct auth_span){state->client_first, first.bare.n};
	result = keys_fetch(exchange, state);
	return result == AUTH_OK ? first_answer(exchange, state, first.nonce) : result;
}

/* server-final-message */
static enum auth_result
final_answer(struct auth_exchange *exchange, struct state *state,
	const struct scram_exchange *messages)
{
	unsigned char signature[AUTH_KEY_OCTETS];
	char text[2 + BASE64_ENCODED(AUTH_KEY_OCTETS)] = "v=";

	scram_sign(state->out.scram.server_key, messages, signature);
	(void)base64_encode(signature, sizeof(signature), text + 2);
	state->stage = SIGNED;
	return auth_exchange_challenge(exchange, text, sizeof(text));
}

static enum auth_result
final_take(struct auth_exchange *exchange, struct state *state, struct auth_span in)
{
	struct scram_exchange messages = {.client_first_bare = state->bare};
	struct scram_final final;
	const char *fault;
	bool proven;

	fault = scram_final_parse(in, &final);
	if (fault == NULL && !span_is(final.binding, state->binding, state->binding_n))
		fault = "wrong channel binding";
	if (fault == NULL && !span_is(final.nonce, state->nonce.p, state->nonce.n))
		fault = "wrong nonce";
	if (fault != NULL)
		return auth_exchange_deny(exchange, fault);
	messages.server_first.p = (const unsigned char *)state->server_first;
	messages.server_first.n = strlen(state->server_first);
	messages.client_final_without_proof = final.without_proof;
	proven = scram_proof_check(state->out.scram.stored_key, &messages, final.proof);
	if (!state->known)
		return auth_exchange_deny(exchange, state->out.reason);
	if (!proven)
		return auth_exchange_deny(exchange, "wrong password");
	return final_answer(exchange, state, &messages);
}

/* The client has seen our signature, and says so with nothing. */
static enum auth_result
end_take(struct auth_exchange *exchange, struct state *state, struct auth_span in)
{
	if (in.n != 0)
		return auth_exchange_deny(exchange, "malformed message");
	exchange->out = state->out;
	explicit_bzero(&exchange->out.scram, sizeof(exchange->out.scram));
	explicit_bzero(state, sizeof(*state));
	return AUTH_OK;
}

static enum auth_result
step(struct auth_exchange *exchange, struct auth_span in)
{
	struct state *state = exchange->state;

	if (in.p == NULL && exchange->steps == 0)
		return auth_exchange_challenge(exchange, NULL, 0);
	if (state == NULL)
		exchange->state = state = calloc(1, sizeof(*state));
	if (state == NULL)
		return AUTH_TEMPFAIL;
	switch (state->stage) {
	case FIRST:
		return first_take(exchange, state, in);
	case FINAL:
		return final_take(exchange, state, in);
	case SIGNED:
		break;
	}
	return end_take(exchange, state, in);
}

const struct auth_mechanism auth_mechanism_scram_sha_256 = {
	.name = "SCRAM-SHA-256",
	.proof = AUTH_PROOF_SCRAM_SHA_256,
	.flags = MECHANISM_SASL,
	.step = step,
};

const struct auth_mechanism auth_mechanism_scram_sha_256_plus = {
	.name = "SCRAM-SHA-256-PLUS",
	.proof = AUTH_PROOF_SCRAM_SHA_256,
	.flags = MECHANISM_SASL | MECHANISM_BINDING,
	.step = step,
};
