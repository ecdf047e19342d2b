#include "auth/password_scheme.h"

#include <string.h>
#include <strings.h>

static const struct password_scheme schemes[] = {
	{"ARGON2ID", "$argon2id$v=19$", PASSWORD_ARGON2, false},
	{"ARGON2I", "$argon2i$v=19$", PASSWORD_ARGON2, false},
	{"CRYPT", "$y$", PASSWORD_CRYPT, false},
	{"CRYPT", "$7$", PASSWORD_CRYPT, false},
	{"SHA512-CRYPT", "$6$", PASSWORD_CRYPT, false},
	{"SHA256-CRYPT", "$5$", PASSWORD_CRYPT, false},
	{"BLF-CRYPT", "$2y$", PASSWORD_CRYPT, false},
	{"BLF-CRYPT", "$2b$", PASSWORD_CRYPT, false},
	{"BLF-CRYPT", "$2a$", PASSWORD_CRYPT, false},
	{"MD5-CRYPT", "$1$", PASSWORD_CRYPT, true},
	{"MD5", "$1$", PASSWORD_CRYPT, true},
	{"SCRAM-SHA-256", "", PASSWORD_SCRAM, false},
	{"PLAIN", "", PASSWORD_PLAIN, false},
	{"CLEARTEXT", "", PASSWORD_PLAIN, false},
	{"CLEAR", "", PASSWORD_PLAIN, false},
};

const struct password_scheme *const password_scheme_today = &schemes[0];

static bool
name_is(struct auth_span name, const char *text)
{
	return name.n == strlen(text) &&
	       strncasecmp((const char *)name.p, text, name.n) == 0;
}

/* {CRYPT} is any that crypt(3) knows, {ARGON2} either kind; a bare hash shows its own. */
static bool
scheme_fits(const struct password_scheme *scheme, struct auth_span name,
	struct auth_span hash)
{
	size_t n = strlen(scheme->prefix);

	if (name.p == NULL && n == 0)
		return false;
	if (name.p != NULL && !name_is(name, scheme->name) &&
		!(scheme->kind == PASSWORD_CRYPT && name_is(name, "CRYPT")) &&
		!(scheme->kind == PASSWORD_ARGON2 && name_is(name, "ARGON2")))
		return false;
	return hash.n > n && memcmp(hash.p, scheme->prefix, n) == 0;
}

const struct password_scheme *
password_scheme_cut(struct auth_span *stored)
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

bool
password_scheme_cost(const char *hash, const struct password_scheme *scheme,
	struct password_cost *cost)
{
	const char *p = hash + strlen(scheme->prefix);

	p = number_read(p, "m=", &cost->memory);
	p = number_read(p, ",t=", &cost->passes);
	p = number_read(p, ",p=", &cost->lanes);
	return p != NULL && *p == '$';
}

bool
password_scheme_copy(struct auth_span stored, char hash[PASSWORD_CHECKED_SIZE])
{
	if (stored.n >= PASSWORD_CHECKED_SIZE || memchr(stored.p, '\0', stored.n) != NULL)
		return false;
	memcpy(hash, stored.p, stored.n);
	hash[stored.n] = '\0';
	return true;
}

bool
password_scheme_is_usable(const struct password_policy *policy, struct auth_span stored)
{
	const struct password_scheme *scheme = password_scheme_cut(&stored);

	return scheme != NULL &&
	       (scheme->kind == PASSWORD_PLAIN ? policy->plain
					       : policy->weak || !scheme->weak);
}

bool
password_scheme_is_costly(const struct password_policy *policy, struct auth_span stored)
{
	const struct password_scheme *scheme = password_scheme_cut(&stored);

	return scheme != NULL && scheme->kind != PASSWORD_PLAIN &&
	       (policy->weak || !scheme->weak);
}

bool
password_scheme_is_old(struct auth_span stored)
{
	const struct password_scheme *scheme = password_scheme_cut(&stored);
	struct password_cost cost;
	char hash[PASSWORD_CHECKED_SIZE];
	bool strong;

	if (scheme == NULL || scheme->kind == PASSWORD_SCRAM ||
		!password_scheme_copy(stored, hash))
		return false;
	strong = scheme == password_scheme_today &&
		 password_scheme_cost(hash, scheme, &cost) &&
		 cost.memory >= PASSWORD_MEMORY / 1024u && cost.passes >= PASSWORD_OPS;
	explicit_bzero(hash, sizeof(hash));
	return !strong;
}

struct auth_span
password_scheme_keys(struct auth_span stored)
{
	const struct password_scheme *scheme = password_scheme_cut(&stored);

	if (scheme != NULL && scheme->kind == PASSWORD_SCRAM)
		return stored;
	return (struct auth_span){NULL, 0};
}
