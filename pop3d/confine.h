/*
 * Confining a process that parses what comes from the network.
 */
#ifndef CONFINE_H
#define CONFINE_H

#include <stdbool.h>
#include <sys/types.h>

#include "pop3d/sandbox.h"

struct confinement {
	bool root;                  /* it has root's rights to give up, for these: */
	const char *root_directory; /* empty */
	uid_t uid;
	gid_t gid;
	unsigned descriptors; /* that it has, or is handed; it gets no more */
	unsigned megabytes;   /* of address space */
	pid_t parent;         /* it dies with; 0: it may outlive who made it */
	/*
	 * Which system calls it has left.  A new role takes the name that fits, or gets
	 * a list in sandbox_generate.c.
	 */
	enum sandbox_role role;
};

/*
 * Give up root, the file system, and the right to make processes, files and descriptors;
 * no path can be opened (Landlock) and no system call made but those of the role
 * (seccomp), where the kernel has these.  NULL, or a constant text that says what failed:
 * the process must then exit.
 */
const char *confine(const struct confinement *confinement);

#endif
