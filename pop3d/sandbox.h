/*
 * Fences that a process puts around itself.  Each function can be called in any order;
 * none can be undone.
 */
#ifndef SANDBOX_H
#define SANDBOX_H

#include <stdbool.h>
#include <sys/types.h>

/*
 * For every role: no core dumps, not dumpable (no ptrace, no reading of /proc/PID/mem by
 * others of the same uid), new files for the owner alone.
 */
bool sandbox_common(void);

/* Execve can never again give privileges. */
bool sandbox_no_new_privileges(void);

/*
 * Be killed when the parent dies.  The kernel forgets this when the uid changes, so it
 * must follow privileges_become().  False if the parent has died already.
 */
bool sandbox_die_with(pid_t parent);

/* Take sandbox_die_with() back. */
bool sandbox_outlive_parent(void);

/* No new process, no file to write to, no new descriptor, `megabytes` of address space.
 */
bool sandbox_confine(unsigned descriptors, unsigned megabytes);

#endif
