/*
 * What compartments cost by themselves: processes that are confined as those of a session
 * are, and have nothing to do.
 */
#ifndef COMPARTMENT_H
#define COMPARTMENT_H

#include <stdbool.h>
#include <sys/types.h>

/* Become a user, in an empty directory as root unless it is NULL. */
bool compartment_become(uid_t uid, const char *directory);

/*
 * Become one that can do nothing: no files can be opened but those below `allowed`,
 * unless it is NULL, and each system call is looked at, if only to be let through.
 */
bool compartment_confine(uid_t uid, const char *directory, const char *allowed);

/*
 * A process that is confined, or, with a library, loads it and becomes the user; it says
 * a word to its parent over a socket pair and ends.  False if it could not.
 */
bool compartment_visit(uid_t uid, const char *directory, const char *library);

#endif
