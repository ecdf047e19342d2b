/*
 * Bring a module's shared object into the process.  No other file calls dlopen().
 *
 * A module is as trusted as the program itself, so both the file and its directory must
 * be such that nobody but root (or the user the process runs as) could have put it there.
 */
#ifndef LOADER_H
#define LOADER_H

#include <stddef.h>

#include "auth/auth_module.h"

#define LOADER_NAME_MAX 32u

/*
 * Load DIRECTORY/NAME.so and check what it exports.  The module stays mapped for the life
 * of the process.  On failure returns NULL and puts one line in error: which file, what
 * is wrong with it, what was expected.
 */
const struct auth_module *loader_load(
	const char *directory, const char *name, char *error, size_t error_size);

/* Likewise DIRECTORY/NAME.part, the second part of a module. */
const struct auth_part *loader_load_part(
	const char *directory, const char *name, char *error, size_t error_size);

#endif
