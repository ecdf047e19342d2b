/*
 * Dotlocks that somebody else took: whether their owner still lives, and what to do if
 * not.  Private to dotlock.c.
 */
#ifndef DOTLOCK_STALE_H
#define DOTLOCK_STALE_H

#include <stdbool.h>
#include <sys/stat.h>
#include <sys/types.h>

#include "mailstore/dotlock.h"

/*
 * Whether the dotlock is gone or stale.  now is the time by the clock of the file server.
 * *st is of the file, *why says why it is stale, for the log; NULL if it is gone.
 */
bool dotlock_stale(struct dotlock *d, time_t now, struct stat *st, const char **why);

/* Remove the dotlock if it is the file that was judged.  False with errno. */
bool dotlock_stale_break(struct dotlock *d, const struct stat *judged);

#define DOTLOCK_SLACK 60 /* seconds that the clocks of two hosts may differ */

/*
 * Whether a file is older than the machine's start.  slack: seconds by which the clock
 * that its time stamp is of may be slow.
 */
bool dotlock_stale_start(const struct stat *st, time_t slack);

/* Whether there is no process of this id.  EPERM, as of a sandbox, says that there is. */
bool dotlock_stale_pid(pid_t pid);

#endif
