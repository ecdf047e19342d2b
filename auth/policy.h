/*
 * For whom a module, or the whole chain, is asked: by mechanism, domain and user name.
 */
#ifndef POLICY_H
#define POLICY_H

#include <stdbool.h>
#include <stddef.h>

#include "auth/auth_module.h"

/* Keys that each [auth.NAME] section may hold besides the module's own, NULL at the end.
 */
extern const char *const auth_policy_keys[];

/* A list of words; start with zeroed memory. */
struct auth_words {
	char *text; /* words, each ended by a NUL, n octets in all; NULL: no list is set
		     */
	size_t n;
	size_t cap;
};

struct auth_policy {
	struct auth_words mechanisms; /* asked for these only */
	struct auth_words domains;    /* "-": names without a domain */
	struct auth_words allow;      /* nobody else */
	struct auth_words deny;       /* never */
};

/*
 * Read the lists.  value() gives the text of a key, NULL if it is unset: names separated
 * by spaces; one that begins with '/' is a file of names, one a line, '#' for comments.
 * False: *wrong is a constant text, and *at the key it is about.
 */
bool auth_policy_load(struct auth_policy *policy,
	const char *(*value)(void *cookie, const char *key), void *cookie,
	const char **at, const char **wrong);

/*
 * AUTH_OK: ask; AUTH_UNKNOWN: this is not for here; AUTH_DENY: the user is denied.
 * mechanism or user may be "": then only the other one is looked at.
 */
enum auth_result auth_policy_judge(
	const struct auth_policy *policy, const char *mechanism, const char *user);

void auth_policy_free(struct auth_policy *policy);

#endif
