/*
 * Fences that a process puts around itself.  Each function can be called in any order;
 * none can be undone.
 */
#ifndef SANDBOX_H
#define SANDBOX_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* Whose system calls a filter knows. */
enum sandbox_role {
	SANDBOX_FRONT, /* and the process that reads a PROXY header */
	SANDBOX_RELAY,
	SANDBOX_KEY, /* as the relay: no files, no sockets but those it has or is sent */
	SANDBOX_SESSION,
};

enum sandbox_result {
	SANDBOX_FAILED = 0, /* the process must exit */
	SANDBOX_HOLDS,
	SANDBOX_MISSING, /* this kernel (or build) does not have it */
};

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

/* At most so many descriptors, and so much address space; 0 megabytes: any. */
bool sandbox_limit(unsigned descriptors, uint64_t megabytes);

/* No new process, and no new thread. */
bool sandbox_limit_processes(void);

/*
 * Leave this process only the system calls of its role.  What else a front, a relay or a
 * key process tries kills it (SIGSYS); a session is told ENOSYS.  Needs
 * sandbox_no_new_privileges(); must be the last fence, for it bars the making of others.
 */
enum sandbox_result sandbox_filter(enum sandbox_role role);

/* Whether this kernel has seccomp filters. */
bool sandbox_has_filters(void);

/* The level (ABI) of Landlock that this kernel has; 0: it has none. */
int sandbox_landlock_level(void);

/* NULL, or which of the two, or enough of it, this kernel lacks (constant text). */
const char *sandbox_lacks(void);

/* What a process may do with what is at a path or below; a set. */
enum sandbox_access {
	SANDBOX_LIST = 1u << 0,  /* read directories; the path is one */
	SANDBOX_READ = 1u << 1,  /* files */
	SANDBOX_WRITE = 1u << 2, /* files: write and cut */
	SANDBOX_MAKE = 1u << 3,  /* files: make, rename, link, remove in a directory */
	SANDBOX_MOVE = 1u << 4,  /* files: rename between directories */
};

/* Private: a fence around the file system in the making. */
struct sandbox_files {
	int fd;
	uint64_t handled;
	enum sandbox_result result;
};

/*
 * Landlock: begin, allow any number of paths, end.  From the end on no other path can be
 * opened, and, as far as the kernel's level goes, no file cut, no TCP connection made, no
 * process outside signalled, no abstract socket outside connected to.  What is open stays
 * so.  A path that is not there is passed over.  Needs sandbox_no_new_privileges(), and
 * one free descriptor more than there are.
 */
enum sandbox_result sandbox_files_begin(struct sandbox_files *files);
void sandbox_files_allow(struct sandbox_files *files, const char *path, unsigned access);
enum sandbox_result sandbox_files_end(struct sandbox_files *files);

#endif
