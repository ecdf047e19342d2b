/*
 * Keys of this host: with them files of the run directory hold marks of what users and
 * passwords were, of which nothing can be learned without the key.
 *
 * A key is random, of root alone, and goes with the start of the machine: where the run
 * directory outlives that, what was marked before must not.
 */
#ifndef HOST_KEY_H
#define HOST_KEY_H

#include <stdbool.h>
#include <stddef.h>

#include "auth/hmac.h"

#define HOST_KEY_OCTETS 32u
#define HOST_KEY_BOOT 37u

struct host_key {
	unsigned char octets[HOST_KEY_OCTETS];
	char boot[HOST_KEY_BOOT]; /* id of this start of the machine */
};

/*
 * Read a file of the run directory, made if it is not there, while privileges last.
 * False if that cannot be done.
 */
bool host_key_read(struct host_key *key, int run_directory, const char *name);

/*
 * The mark of some fields: begin with what kind of mark it is, add the fields, and end
 * with hmac_end().  No fields make the mark of others.
 */
void host_key_begin(struct hmac *hmac, const struct host_key *key, const char *kind);
void host_key_add(struct hmac *hmac, const void *p, size_t n);

#endif
