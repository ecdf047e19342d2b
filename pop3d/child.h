/*
 * Child processes of the monitor: always waited for by pid, never left behind.
 */
#ifndef CHILD_H
#define CHILD_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* True if a wait status says that a process died of a fault of its own making. */
bool child_crashed(int status);

/* Kill with SIGKILL and wait; a pid of 0 is no child.  Returns the wait status. */
int child_end(pid_t pid);

/* Wait for a child until a deadline.  Its wait status; 0: it lives. */
int child_await(pid_t pid, int64_t deadline);

/*
 * Wait for a child that is about to exit by itself, half a second at most, then kill it.
 * Its wait status; 0 for one that had to be killed: that is no fault of its own.
 */
int child_finish(pid_t pid);

/*
 * The same two for a child that leads a process group of its own: with it goes every
 * process of the group that is left.
 */
int child_end_group(pid_t pid);
int child_finish_group(pid_t pid);

/*
 * Log event=crash role=... signal=... if a signal ended the process; true if it was one
 * that child_crashed() means.
 */
bool child_report(const char *role, int status);

#endif
