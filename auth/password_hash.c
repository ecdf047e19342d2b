#include "auth/password_hash.h"

#include <errno.h>
#include <sodium.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "auth/credential.h"
#include "auth/password_crypt.h"
#include "auth/saslprep.h"

/* A stored hash may ask for this much: 1 GiB, and 8 GiB written in all passes over it. */
#define MEMORY_MAX_KIB (UINT64_C(1) << 20)
#define WORK_MAX_KIB (UINT64_C(8) << 20)

bool
password_hash_start(void)
{
	return sodium_init() >= 0;
}

bool
password_hash_make(char hash[PASSWORD_HASH_SIZE], struct auth_span password)
{
	char text[crypto_pwhash_STRBYTES];
	int n;

	if (crypto_pwhash_str_alg(text, (const char *)password.p, password.n,
		    PASSWORD_OPS, PASSWORD_MEMORY, crypto_pwhash_ALG_ARGON2ID13) != 0)
		return false;
	n = snprintf(
		hash, PASSWORD_HASH_SIZE, "{%s}%s", password_scheme_today->name, text);
	sodium_memzero(text, sizeof(text));
	return n > 0 && (size_t)n < PASSWORD_HASH_SIZE;
}

/* What the hash asks us to spend is read before libsodium spends it. */
static enum password_verdict
argon2_verify(
	const char *hash, const struct password_scheme *scheme, struct auth_span password)
{
	struct password_cost cost;

	if (strlen(hash) >= crypto_pwhash_STRBYTES ||
		!password_scheme_cost(hash, scheme, &cost))
		return PASSWORD_UNSUPPORTED;
	if (cost.memory > MEMORY_MAX_KIB ||
		(uint64_t)cost.memory * cost.passes > WORK_MAX_KIB ||
		cost.lanes > cost.memory)
		return PASSWORD_EXCESSIVE;
	errno = 0;
	if (crypto_pwhash_str_verify(hash, (const char *)password.p, password.n) == 0)
		return PASSWORD_RIGHT;
	/* It says EINVAL for a mismatch only, and ENOMEM as malloc() does. */
	return errno == EINVAL   ? PASSWORD_WRONG
	       : errno == ENOMEM ? PASSWORD_ERROR
				 : PASSWORD_UNSUPPORTED;
}

static enum password_verdict
crypt_verify(const char *hash, struct auth_span password)
{
	enum password_verdict verdict = password_crypt_cost(hash);

	if (verdict != PASSWORD_RIGHT)
		return verdict;
	/* No password of this length can have been hashed; that must not be quicker. */
	if (password.n > PASSWORD_CRYPT_MAX)
		return password_hash_dummy(password) ? PASSWORD_WRONG : PASSWORD_ERROR;
	return password_crypt_verify(hash, password);
}

/* Other programs store keys of passwords as they are where SASLprep refuses them. */
static enum password_verdict
scram_verify(struct auth_span text, struct auth_span password)
{
	char prepared[AUTH_PASSWORD_MAX + 1];
	struct auth_scram keys;
	bool match;
	size_t n;

	switch (scram_keys_parse(text, &keys)) {
	case SCRAM_KEYS_MALFORMED:
		return PASSWORD_UNSUPPORTED;
	case SCRAM_KEYS_WEAK:
		return PASSWORD_REFUSED;
	case SCRAM_KEYS_EXCESSIVE:
		return PASSWORD_EXCESSIVE;
	case SCRAM_KEYS_GOOD:
		break;
	}
	if (saslprep(password, prepared, sizeof(prepared), &n))
		match = scram_keys_match(
			&keys, (struct auth_span){(unsigned char *)prepared, n});
	else
		match = scram_keys_match(&keys, password);
	explicit_bzero(prepared, sizeof(prepared));
	explicit_bzero(&keys, sizeof(keys));
	return match ? PASSWORD_RIGHT : PASSWORD_WRONG;
}

static enum password_verdict
plain_verify(struct auth_span stored, struct auth_span password)
{
	bool same = stored.n == password.n &&
		    sodium_memcmp(stored.p, password.p, password.n) == 0;

	if (!password_hash_dummy(password))
		return PASSWORD_ERROR;
	return same ? PASSWORD_RIGHT : PASSWORD_WRONG;
}

static enum password_verdict
verdict_reach(const struct password_policy *policy, struct auth_span stored,
	struct auth_span password)
{
	const struct password_scheme *scheme = password_scheme_cut(&stored);
	enum password_verdict verdict;
	char hash[PASSWORD_CHECKED_SIZE];

	if (scheme == NULL)
		return PASSWORD_UNSUPPORTED;
	if (scheme->kind == PASSWORD_SCRAM)
		return scram_verify(stored, password);
	if (scheme->kind == PASSWORD_PLAIN)
		return policy->plain ? plain_verify(stored, password) : PASSWORD_REFUSED;
	if (scheme->weak && !policy->weak)
		return PASSWORD_REFUSED;
	if (!password_scheme_copy(stored, hash))
		return PASSWORD_UNSUPPORTED;
	verdict = scheme->kind == PASSWORD_ARGON2 ? argon2_verify(hash, scheme, password)
						  : crypt_verify(hash, password);
	explicit_bzero(hash, sizeof(hash));
	return verdict;
}

enum password_verdict
password_hash_verify(const struct password_policy *policy, struct auth_span stored,
	struct auth_span password)
{
	enum password_verdict verdict = verdict_reach(policy, stored, password);

	if (verdict != PASSWORD_UNSUPPORTED && verdict != PASSWORD_EXCESSIVE &&
		verdict != PASSWORD_REFUSED)
		return verdict;
	return password_hash_dummy(password) ? verdict : PASSWORD_ERROR;
}

bool
password_hash_scram(char text[SCRAM_KEYS_TEXT_SIZE], struct auth_span password)
{
	struct auth_scram keys = {
		.iterations = SCRAM_ITERATIONS_NEW, .salt_octets = SCRAM_SALT_NEW};
	char prepared[AUTH_PASSWORD_MAX + 1];
	bool good;
	size_t n;

	if (!saslprep(password, prepared, sizeof(prepared), &n))
		return false;
	randombytes_buf(keys.salt, keys.salt_octets);
	scram_keys_derive(&keys, (struct auth_span){(unsigned char *)prepared, n});
	good = scram_keys_format(&keys, text);
	explicit_bzero(prepared, sizeof(prepared));
	explicit_bzero(&keys, sizeof(keys));
	return good;
}

bool
password_hash_dummy(struct auth_span password)
{
	char hash[crypto_pwhash_STRBYTES];
	int n;

	n = snprintf(hash, sizeof(hash), "%sm=%lu,t=%lu,p=1$%s$%s",
		password_scheme_today->prefix, (unsigned long)(PASSWORD_MEMORY / 1024u),
		(unsigned long)PASSWORD_OPS, "cG9wM2QgZHVtbXkgc2FsdA",
		"bm8gcGFzc3dvcmQgaGFzIHRoaXMgaGFzaCwgZXZlciE");
	if (n < 0 || (size_t)n >= sizeof(hash))
		return false;
	errno = 0;
	/* Should a password ever match, it opens nothing: nobody has this hash. */
	return crypto_pwhash_str_verify(hash, (const char *)password.p, password.n) ==
		       0 ||
	       errno == EINVAL;
}
