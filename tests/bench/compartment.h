/*
 * What compartments cost by themselves: processes that are confined as those of a session
 * are, and have nothing to do.
 */
#ifndef COMPARTMENT_H
#define COMPARTMENT_H

#include <stdbool.h>
#include <sys/types.h>

/*
 * Become a user that can do nothing: in an empty directory as root, unless it is NULL,
 * with no files to be opened and each system call looked at.
 */
bool compartment_confine(uid_t uid, const char *directory);

/*
 * A process that loads a library, unless it is NULL, is confined, says a word to its
 * parent over a socket pair and ends.  False if it could not.
 */
bool compartment_visit(uid_t uid, const char *directory, const char *library);

#endif
