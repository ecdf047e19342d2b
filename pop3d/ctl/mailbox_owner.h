/*
 * Whose a maildrop is, as root finds it.
 *
 * Root becomes whoever owns what stands at the end of a path.  So nobody else may have a
 * say in where that path leads: all directories and symbolic links on the way belong to
 * root or to that same user, and no directory is writable by everybody, unless it is
 * sticky.
 */
#ifndef CTL_MAILBOX_OWNER_H
#define CTL_MAILBOX_OWNER_H

#include <sys/stat.h>

/*
 * What stands at the end of an absolute path; that itself must be no symbolic link.
 * Returns NULL, or what is wrong as a text for an error; *status is an exit status then.
 */
const char *mailbox_owner_find(const char *path, struct stat *st, int *status);

#endif
