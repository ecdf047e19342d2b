/*
 * Passwords as clients send them, prepared by SASLprep; hashes and keys as a user file
 * has them; secrets that are sealed.  No hash is computed: that would take most of the
 * time.
 *
 * The first octet says which; for a secret a user's name stands before it, up to a NUL.
 */
#include <stdlib.h>
#include <string.h>

#include "auth/apop_seal.h"
#include "auth/password_crypt.h"
#include "auth/password_hash.h"
#include "auth/saslprep.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
check(bool good)
{
	if (!good)
		abort();
}

static bool
is_ascii(const char *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if ((unsigned char)p[i] > 0x7f)
			return false;
	return true;
}

/* What is prepared fits, is text, and is the same when it is prepared again. */
static void
password_comes(struct auth_span text)
{
	/* Its size is exact, so that the sanitizers see an octet too many. */
	const size_t cap = 256;
	char *out = malloc(cap), *again = malloc(cap);
	size_t n, m;

	check(out != NULL && again != NULL);
	if (saslprep(text, out, cap, &n)) {
		const struct auth_span prepared = {(unsigned char *)out, n};

		check(n > 0 && n < cap && strlen(out) == n);
		for (size_t i = 0; i < n; i++)
			check((unsigned char)out[i] >= 0x20 && out[i] != 0x7f);
		if (is_ascii((const char *)text.p, text.n))
			check(n == text.n && memcmp(out, text.p, n) == 0);
		check(!saslprep(text, again, n, &m));
		check(saslprep(text, again, n + 1, &m) && m == n);
		check(saslprep(prepared, again, cap, &m) && strcmp(again, out) == 0);
	}
	free(again);
	free(out);
}

static void
keys_come(struct auth_span text)
{
	struct auth_scram keys, same;
	char again[SCRAM_KEYS_TEXT_SIZE];
	enum scram_keys_fault fault = scram_keys_parse(text, &keys);

	if (fault == SCRAM_KEYS_MALFORMED)
		return;
	check(keys.salt_octets >= 1 && keys.salt_octets <= AUTH_SALT_MAX);
	check((fault == SCRAM_KEYS_GOOD) ==
		(keys.iterations >= SCRAM_ITERATIONS_MIN &&
			keys.iterations <= SCRAM_ITERATIONS_MAX));
	if (!scram_keys_format(&keys, again)) {
		check(keys.salt_octets > SCRAM_SALT_NEW);
		return;
	}
	/* One text for one set of keys. */
	check(strlen(again) == text.n && memcmp(again, text.p, text.n) == 0);
	check(scram_keys_parse((struct auth_span){(unsigned char *)again, strlen(again)},
		      &same) == fault);
	check(scram_keys_equal(keys.stored_key, same.stored_key) &&
		scram_keys_equal(keys.server_key, same.server_key));
}

static void
hash_comes(struct auth_span stored)
{
	static const struct password_policy strict = {0};
	static const struct password_policy lax = {.plain = true, .weak = true};
	const struct auth_span keys = password_scheme_keys(stored);
	char *text = strndup((const char *)stored.p, stored.n);

	check(text != NULL);
	if (password_scheme_is_usable(&strict, stored))
		check(password_scheme_is_usable(&lax, stored));
	if (password_scheme_is_costly(&lax, stored))
		check(password_scheme_is_usable(&lax, stored));
	if (password_scheme_is_old(stored))
		check(password_scheme_is_usable(&lax, stored));
	if (keys.p != NULL) {
		check(keys.p > stored.p && keys.p + keys.n == stored.p + stored.n);
		keys_come(keys);
	}
	if (strlen(text) > 3 && password_crypt_cost(text) == PASSWORD_RIGHT)
		check(password_scheme_is_usable(
			&lax, (struct auth_span){(unsigned char *)text, strlen(text)}));
	free(text);
}

/* What was sealed opens for its user, and nothing else does. */
static void
secret_comes(const char *user, struct auth_span secret)
{
	static const unsigned char key[APOP_KEY_OCTETS] = "pop3d";
	char *text = malloc(APOP_SEALED_SIZE);
	struct apop_secret opened;
	struct auth_span sealed;

	check(text != NULL);
	check(!apop_seal_open(&opened, key, user, secret) && opened.n == 0);
	if (apop_seal_close(text, key, user, secret)) {
		sealed = (struct auth_span){(unsigned char *)text, strlen(text)};
		check(sealed.n < APOP_SEALED_SIZE && apop_seal_is_sealed(sealed));
		check(apop_seal_open(&opened, key, user, sealed));
		check(opened.n == secret.n && memcmp(opened.p, secret.p, opened.n) == 0);
		check(!apop_seal_open(&opened, key, "somebody", sealed) ||
			strcmp(user, "somebody") == 0);
		sealed.n--;
		check(!apop_seal_open(&opened, key, user, sealed));
	}
	free(text);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct auth_span rest;
	const unsigned char *nul;
	unsigned char *copy;

	if (size < 2)
		return 0;
	check(password_hash_start() && apop_seal_start());
	/* A copy that begins and ends where it does, for the sanitizer to watch. */
	copy = malloc(size - 1);
	check(copy != NULL);
	memcpy(copy, data + 1, size - 1);
	rest = (struct auth_span){copy, size - 1};
	nul = memchr(copy, '\0', rest.n);
	if (data[0] % 3 == 0)
		password_comes(rest);
	else if (data[0] % 3 == 1)
		hash_comes(rest);
	else if (nul != NULL)
		secret_comes((const char *)copy,
			(struct auth_span){nul + 1, rest.n - (size_t)(nul - copy) - 1});
	free(copy);
	return 0;
}
