/*
 * A stored hash that is weaker than those of today gives way to a new one, when its
 * password was seen.
 *
 * The auth process has given up root by then.  So while it is root it forks a process
 * that keeps it, holds nothing else, reads one message, changes the password field of
 * the one entry whose old hash the message names, and dies.  What a message can do is
 * therefore known: no entry changes that does not have that hash still, none whose hash
 * is as good as a new one, and nothing goes in but a hash of the kind that
 * password_hash_make() makes.
 */
#ifndef REHASH_H
#define REHASH_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "auth/auth_module.h"

struct rehash {
	int fd; /* -1: none */
	pid_t pid;
};

/* Fork the process, for these user files and no others; false with errno. */
bool rehash_start(struct rehash *rehash, const char *const *paths, size_t n);

/*
 * Have the hash of a user in one of the files replaced, which must be done within two
 * seconds or is given up. Returns NULL, or what went wrong as a text that is valid until
 * the next call.
 */
const char *rehash_replace(struct rehash *rehash, size_t file, const char *user,
	struct auth_span old, const char *hash);

/* End the process, whatever it does, and collect it. */
void rehash_stop(struct rehash *rehash);

#endif
