/*
 * The authentication cache: proofs that were costly to check, and were right.
 *
 * A table of fixed size in the run directory, of root alone.  An entry is a keyed hash
 * of module, user, what was stored, what the client sent, the start of the machine and
 * the time until which it holds; the key is random and stands in another file.  So the
 * table tells nothing to one who has it without the key, a changed entry or password is
 * not found, and an entry that two processes wrote at once, or that was cut short, is as
 * if it were not there: no lock is needed.
 */
#ifndef AUTH_CACHE_H
#define AUTH_CACHE_H

#include <stdbool.h>
#include <stdint.h>

#include "auth/auth_module.h"
#include "pop3d/host_key.h"

struct auth_cache {
	int fd;       /* the table, -1: there is no cache */
	uint64_t ttl; /* seconds */
	struct host_key key;
};

/*
 * Open the cache in a directory, making what is missing, while privileges last.  ttl 0:
 * no cache.  Returns NULL, or a constant text that says why there is none; the other
 * functions may be called all the same.
 */
const char *auth_cache_open(
	struct auth_cache *cache, const char *directory, uint64_t ttl);

/* As in struct auth_host. */
bool auth_cache_known(const struct auth_cache *cache, const char *module,
	const struct auth_request *request, struct auth_span stored);
void auth_cache_remember(const struct auth_cache *cache, const char *module,
	const struct auth_request *request, struct auth_span stored);

#endif
