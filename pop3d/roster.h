/*
 * The roster: which sessions there are of each user on this host.
 *
 * A table of fixed size in the run directory, of root alone.  An entry is a hash of the
 * user's name and a process, by its number and the time when it started: it counts for as
 * long as that process lives, so nobody need take it away.  A session keeps no descriptor
 * of the table: one that is taken over can neither free its place nor take others'.
 */
#ifndef ROSTER_H
#define ROSTER_H

#include <stdbool.h>
#include <stdint.h>

#define ROSTER_MAX 64u /* sessions of one user that can be counted */

/*
 * Enter this process as a session of a user, unless `most` (1 to ROSTER_MAX) others are.
 * False: they are.  Where it cannot be told the session is let in, and *wrong is a
 * constant text that says why; else it is NULL.
 */
bool roster_enter(int run_directory, const char *user, uint64_t most, const char **wrong);

#endif
