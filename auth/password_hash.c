#include "auth/password_hash.h"

#include <errno.h>
#include <sodium.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "auth/credential.h"
#include "auth/password_crypt.h"
#include "auth/saslprep.h"

/* What a new hash costs. */
#define OPS crypto_pwhash_OPSLIMIT_INTERACTIVE
#define MEMORY crypto_pwhash_MEMLIMIT_INTERACTIVE

/* A stored hash may ask for this much: 1 GiB, and 8 GiB written in all passes over it. */
#define MEMORY_MAX_KIB (UINT64_C(1) << 20)
#define WORK_MAX_KIB (UINT64_C(8) << 20)

#define HASH_SIZE 256u /* of any hash that can be checked, with a NUL */

enum kind { ARGON2, CRYPT, SCRAM, PLAIN };

static const struct scheme {
	const char *name;   /* in braces before the hash; may be missing there */
	const char *prefix; /* what the hash itself begins with */
	enum kind kind;
	bool weak;
} schemes[] = {
	{"ARGON2ID", "$argon2id$v=19$", ARGON2, false},
	{"ARGON2I", "$argon2i$v=19$", ARGON2, false},
	{"CRYPT", "$y$", CRYPT, false},
	{"CRYPT", "$7$", CRYPT, false},
	{"SHA512-CRYPT", "$6$", CRYPT, false},
	{"SHA256-CRYPT", "$5$", CRYPT, false},
	{"BLF-CRYPT", "$2y$", CRYPT, false},
	{"BLF-CRYPT", "$2b$", CRYPT, false},
	{"BLF-CRYPT", "$2a$", CRYPT, false},
	{"MD5-CRYPT", "$1$", CRYPT, true},
	{"MD5", "$1$", CRYPT, true},
	{"SCRAM-SHA-256", "", SCRAM, false},
	{"PLAIN", "", PLAIN, false},
	{"CLEARTEXT", "", PLAIN, false},
	{"CLEAR", "", PLAIN, false},
};

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

	if (crypto_pwhash_str_alg(text, (const char *)password.p, password.n, OPS, MEMORY,
		    crypto_pwhash_ALG_ARGON2ID13) != 0)
		return false;
	n = snprintf(hash, PASSWORD_HASH_SIZE, "{%s}%s", schemes[0].name, text);
	sodium_memzero(text, sizeof(text));
	return n > 0 && (size_t)n < PASSWORD_HASH_SIZE;
}

static bool
name_is(struct auth_span name, const char *text)
{
	return name.n == strlen(text) &&
	       strncasecmp((const char *)name.p, text, name.n) == 0;
}

/* {CRYPT} is any that crypt(3) knows, {ARGON2} either kind; a bare hash shows its own. */
static bool
scheme_fits(const struct scheme *scheme, struct auth_span name, struct auth_span hash)
{
	size_t n = strlen(scheme->prefix);

	if (name.p == NULL && n == 0)
		return false;
	if (name.p != NULL && !name_is(name, scheme->name) &&
		!(scheme->kind == CRYPT && name_is(name, "CRYPT")) &&
		!(scheme->kind == ARGON2 && name_is(name, "ARGON2")))
		return false;
	return hash.n > n && memcmp(hash.p, scheme->prefix, n) == 0;
}

/* Cut "{SCHEME}" off; NULL if it or the hash behind it is none that we know. */
static const struct scheme *
scheme_cut(struct auth_span *stored)
{
	struct auth_span name = {NULL, 0};

	if (stored->n > 0 && stored->p[0] == '{') {
		const unsigned char *end = memchr(stored->p, '}', stored->n);

		if (end == NULL)
			return NULL;
		name.p = stored->p + 1;
		name.n = (size_t)(end - stored->p) - 1;
		stored->n -= name.n + 2;
		stored->p = end + 1;
	}
	for (size_t i = 0; i < sizeof(schemes) / sizeof(schemes[0]); i++)
		if (scheme_fits(&schemes[i], name, *stored))
			return &schemes[i];
	return NULL;
}

/* Read `key` and the number behind it; returns what follows, NULL if it is not there. */
static const char *
number_read(const char *p, const char *key, uint32_t *number)
{
	size_t n = strlen(key);
	uint64_t value = 0;

	if (p == NULL || strncmp(p, key, n) != 0)
		return NULL;
	p += n;
	if (*p < '0' || *p > '9')
		return NULL;
	for (; *p >= '0' && *p <= '9'; p++) {
		value = value * 10 + (uint64_t)(*p - '0');
		if (value > UINT32_MAX)
			return NULL;
	}
	*number = (uint32_t)value;
	return p;
}

struct argon2_cost {
	uint32_t memory; /* KiB */
	uint32_t passes;
	uint32_t lanes;
};

static bool
cost_read(const char *hash, const struct scheme *scheme, struct argon2_cost *cost)
{
	const char *p = hash + strlen(scheme->prefix);

	p = number_read(p, "m=", &cost->memory);
	p = number_read(p, ",t=", &cost->passes);
	p = number_read(p, ",p=", &cost->lanes);
	return p != NULL && *p == '$';
}

/* What the hash asks us to spend is read before libsodium spends it. */
static enum password_verdict
argon2_verify(const char *hash, const struct scheme *scheme, struct auth_span password)
{
	struct argon2_cost cost;

	if (strlen(hash) >= crypto_pwhash_STRBYTES || !cost_read(hash, scheme, &cost))
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

/* With a NUL behind it, as libraries want it; false if it is too long to be a hash. */
static bool
hash_copy(struct auth_span stored, char hash[HASH_SIZE])
{
	if (stored.n >= HASH_SIZE || memchr(stored.p, '\0', stored.n) != NULL)
		return false;
	memcpy(hash, stored.p, stored.n);
	hash[stored.n] = '\0';
	return true;
}

static enum password_verdict
verdict_reach(const struct password_policy *policy, struct auth_span stored,
	struct auth_span password)
{
	const struct scheme *scheme = scheme_cut(&stored);
	enum password_verdict verdict;
	char hash[HASH_SIZE];

	if (scheme == NULL)
		return PASSWORD_UNSUPPORTED;
	if (scheme->kind == SCRAM)
		return scram_verify(stored, password);
	if (scheme->kind == PLAIN)
		return policy->plain ? plain_verify(stored, password) : PASSWORD_REFUSED;
	if (scheme->weak && !policy->weak)
		return PASSWORD_REFUSED;
	if (!hash_copy(stored, hash))
		return PASSWORD_UNSUPPORTED;
	verdict = scheme->kind == ARGON2 ? argon2_verify(hash, scheme, password)
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
password_hash_is_usable(const struct password_policy *policy, struct auth_span stored)
{
	const struct scheme *scheme = scheme_cut(&stored);

	return scheme != NULL &&
	       (scheme->kind == PLAIN ? policy->plain : policy->weak || !scheme->weak);
}

bool
password_hash_is_costly(const struct password_policy *policy, struct auth_span stored)
{
	const struct scheme *scheme = scheme_cut(&stored);

	return scheme != NULL && scheme->kind != PLAIN && (policy->weak || !scheme->weak);
}

bool
password_hash_is_old(struct auth_span stored)
{
	const struct scheme *scheme = scheme_cut(&stored);
	struct argon2_cost cost;
	char hash[HASH_SIZE];
	bool strong;

	if (scheme == NULL || scheme->kind == SCRAM || !hash_copy(stored, hash))
		return false;
	strong = scheme == &schemes[0] && cost_read(hash, scheme, &cost) &&
		 cost.memory >= MEMORY / 1024u && cost.passes >= OPS;
	explicit_bzero(hash, sizeof(hash));
	return !strong;
}

struct auth_span
password_hash_keys(struct auth_span stored)
{
	const struct scheme *scheme = scheme_cut(&stored);

	if (scheme != NULL && scheme->kind == SCRAM)
		return stored;
	return (struct auth_span){NULL, 0};
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

	n = snprintf(hash, sizeof(hash), "%sm=%lu,t=%lu,p=1$%s$%s", schemes[0].prefix,
		(unsigned long)(MEMORY / 1024u), (unsigned long)OPS,
		"cG9wM2QgZHVtbXkgc2FsdA", "bm8gcGFzc3dvcmQgaGFzIHRoaXMgaGFzaCwgZXZlciE");
	if (n < 0 || (size_t)n >= sizeof(hash))
		return false;
	errno = 0;
	/* Should a password ever match, it opens nothing: nobody has this hash. */
	return crypto_pwhash_str_verify(hash, (const char *)password.p, password.n) ==
		       0 ||
	       errno == EINVAL;
}
