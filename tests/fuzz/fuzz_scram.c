/*
 * SCRAM: client-first-message, client-final-message and stored keys from anywhere.  What
 * is taken must be what the grammar of RFC 5802 section 7 promises, and lie inside the
 * message.  The first octet says which of the three it is.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "auth/scram.h"
#include "auth/scram_keys.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
check(bool good)
{
	if (!good)
		abort();
}

static void
inside(struct auth_span part, struct auth_span whole)
{
	check(part.n == 0 || (part.p >= whole.p && part.n <= whole.n &&
				     (size_t)(part.p - whole.p) <= whole.n - part.n));
}

static void
name_check(struct auth_span name)
{
	char out[AUTH_USER_MAX];
	size_t n;

	check(memchr(name.p, ',', name.n) == NULL);
	if (scram_name_decode(name, out, &n))
		check(n <= name.n && n <= sizeof(out));
}

static void
first_check(struct auth_span message)
{
	struct scram_first first;

	if (scram_first_parse(message, &first) != NULL)
		return;
	inside(first.binding, message);
	check(first.header.p == message.p && first.bare.p == message.p + first.header.n);
	check(first.header.n + first.bare.n == message.n);
	check(message.p[first.header.n - 1] == ',' && message.p[0] == first.flag);
	check((first.flag == SCRAM_BINDING) == (first.binding.n > 0));
	inside(first.authzid, first.header);
	inside(first.name, first.bare);
	inside(first.nonce, first.bare);
	check(first.name.n > 0 && first.nonce.n > 0 && first.nonce.n <= SCRAM_NONCE_MAX);
	check(memcmp(first.bare.p, "n=", 2) == 0 &&
		memchr(message.p, 0, message.n) == NULL);
	check(memchr(first.nonce.p, ',', first.nonce.n) == NULL);
	name_check(first.name);
	if (first.authzid.n > 0)
		name_check(first.authzid);
}

static void
final_check(struct auth_span message)
{
	static const struct auth_span other = {(const unsigned char *)"x", 1};
	struct scram_exchange exchange = {other, other, other};
	unsigned char signature[AUTH_KEY_OCTETS];
	struct scram_final final;

	if (scram_final_parse(message, &final) != NULL)
		return;
	check(final.without_proof.p == message.p && final.without_proof.n < message.n);
	check(memcmp(message.p + final.without_proof.n, ",p=", 3) == 0);
	inside(final.binding, final.without_proof);
	inside(final.nonce, final.without_proof);
	check(final.binding.n > 0 && final.nonce.n > 0);
	exchange.client_final_without_proof = final.without_proof;
	scram_sign(final.proof, &exchange, signature);
	/* Nobody can guess the proof for a key that is not the hash of anything. */
	check(!scram_proof_check(signature, &exchange, final.proof));
}

/* What is stored for a salt that we could have made is written as it was read. */
static void
keys_check(struct auth_span text)
{
	char again[SCRAM_KEYS_TEXT_SIZE];
	struct auth_scram keys;

	if (scram_keys_parse(text, &keys) != SCRAM_KEYS_GOOD)
		return;
	check(keys.iterations >= SCRAM_ITERATIONS_MIN &&
		keys.iterations <= SCRAM_ITERATIONS_MAX);
	check(keys.salt_octets > 0 && keys.salt_octets <= AUTH_SALT_MAX);
	if (scram_keys_format(&keys, again))
		check(strlen(again) == text.n && memcmp(again, text.p, text.n) == 0);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct auth_span message;

	if (size < 1)
		return 0;
	message.p = data + 1;
	message.n = size - 1;
	switch (data[0] % 3) {
	case 0:
		first_check(message);
		break;
	case 1:
		final_check(message);
		break;
	default:
		keys_check(message);
	}
	return 0;
}
