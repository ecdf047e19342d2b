#include "auth/password_hash.h"

#include <errno.h>
#include <sodium.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

/* What a new hash costs. */
#define OPS crypto_pwhash_OPSLIMIT_INTERACTIVE
#define MEMORY crypto_pwhash_MEMLIMIT_INTERACTIVE

/* A stored hash may ask for this much: 1 GiB, and 8 GiB written in all passes over it. */
#define MEMORY_MAX_KIB (UINT64_C(1) << 20)
#define WORK_MAX_KIB (UINT64_C(8) << 20)

static const struct scheme {
	const char *name;   /* in braces before the hash; may be missing there */
	const char *prefix; /* what the hash itself begins with */
} schemes[] = {
	{"ARGON2ID", "$argon2id$v=19$"},
	{"ARGON2I", "$argon2i$v=19$"},
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

/* Cut "{SCHEME}" off; NULL if it or the hash behind it is none that we know. */
static const struct scheme *
scheme_cut(struct auth_span *stored)
{
	const char *name = NULL;
	size_t name_n = 0;

	if (stored->n > 0 && stored->p[0] == '{') {
		const unsigned char *end = memchr(stored->p, '}', stored->n);

		if (end == NULL)
			return NULL;
		name = (const char *)stored->p + 1;
		name_n = (size_t)(end - stored->p) - 1;
		stored->n -= name_n + 2;
		stored->p = end + 1;
	}
	for (size_t i = 0; i < sizeof(schemes) / sizeof(schemes[0]); i++) {
		const struct scheme *scheme = &schemes[i];
		size_t prefix_n = strlen(scheme->prefix);

		if (name != NULL && (name_n != strlen(scheme->name) ||
					    strncasecmp(name, scheme->name, name_n) != 0))
			continue;
		if (stored->n > prefix_n &&
			memcmp(stored->p, scheme->prefix, prefix_n) == 0)
			return scheme;
	}
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

/* What the hash asks us to spend, read before libsodium spends it. */
static enum password_verdict
cost_check(const char *hash, const struct scheme *scheme)
{
	uint32_t memory = 0, passes = 0, lanes = 0;
	const char *p = hash + strlen(scheme->prefix);

	p = number_read(p, "m=", &memory);
	p = number_read(p, ",t=", &passes);
	p = number_read(p, ",p=", &lanes);
	if (p == NULL || *p != '$')
		return PASSWORD_UNSUPPORTED;
	if (memory > MEMORY_MAX_KIB || (uint64_t)memory * passes > WORK_MAX_KIB ||
		lanes > memory)
		return PASSWORD_EXCESSIVE;
	return PASSWORD_RIGHT;
}

static enum password_verdict
verdict_reach(struct auth_span stored, struct auth_span password)
{
	const struct scheme *scheme = scheme_cut(&stored);
	char hash[crypto_pwhash_STRBYTES];
	enum password_verdict verdict;

	if (scheme == NULL || stored.n >= sizeof(hash) ||
		memchr(stored.p, '\0', stored.n) != NULL)
		return PASSWORD_UNSUPPORTED;
	memcpy(hash, stored.p, stored.n);
	hash[stored.n] = '\0';
	verdict = cost_check(hash, scheme);
	if (verdict == PASSWORD_RIGHT) {
		errno = 0;
		/* It says EINVAL for a mismatch only, and ENOMEM as malloc() does. */
		if (crypto_pwhash_str_verify(
			    hash, (const char *)password.p, password.n) != 0)
			verdict = errno == EINVAL   ? PASSWORD_WRONG
				  : errno == ENOMEM ? PASSWORD_ERROR
						    : PASSWORD_UNSUPPORTED;
	}
	explicit_bzero(hash, sizeof(hash));
	return verdict;
}

enum password_verdict
password_hash_verify(struct auth_span stored, struct auth_span password)
{
	enum password_verdict verdict = verdict_reach(stored, password);

	if (verdict != PASSWORD_UNSUPPORTED && verdict != PASSWORD_EXCESSIVE)
		return verdict;
	return password_hash_dummy(password) ? verdict : PASSWORD_ERROR;
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
