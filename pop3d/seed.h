/*
 * A secret of this host from which salts for users who are not there are made, so that
 * these look the same at each attempt, from whatever process the answer comes.
 */
#ifndef SEED_H
#define SEED_H

#include <stdbool.h>

#define SEED_OCTETS 32u

/*
 * Read the file "seed" in a directory, and make both if they are missing, while
 * privileges last.  Returns NULL, or a constant text that says why the seed is a random
 * one of this process alone.  false in *usable: there is no randomness at all.
 */
const char *seed_read(
	const char *directory, unsigned char seed[SEED_OCTETS], bool *usable);

#endif
