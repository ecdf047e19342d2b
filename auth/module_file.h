/*
 * Files that a module reads: opened as root, kept from those who must not change them.
 */
#ifndef MODULE_FILE_H
#define MODULE_FILE_H

#include "auth/auth_module.h"

/* Who may read a file.  Nobody but its owner, and root's group, may ever write to it. */
enum module_file_readers {
	MODULE_FILE_PUBLIC,  /* everybody */
	MODULE_FILE_PRIVATE, /* not everybody: that is worth a warning */
	MODULE_FILE_SECRET,  /* only its owner: anything else is refused */
};

/*
 * Open a regular file for reading, close-on-exec.  It must belong to root or to the
 * caller.  -1 if it is missing or not safe, which has been logged; to be closed.
 */
int module_file_open(
	const struct auth_host *host, const char *path, enum module_file_readers readers);

#endif
