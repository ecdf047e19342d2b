/*
 * Giving up privileges, for good.  The only file that changes uids, gids, groups or the
 * root directory.
 */
#ifndef PRIVILEGES_H
#define PRIVILEGES_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* True if this process runs as root. */
bool privileges_are_root(void);

/*
 * Become a user irreversibly: supplementary groups are none but extra (if it is not
 * (gid_t)-1), then all three gids, then all three uids; then see that each is what it
 * should be and that there is no way back.  uid 0 and gid 0 are refused.  Without root
 * nothing can change: true only if uid is the process's own already.
 * Returns NULL, or a constant text that says what failed: the caller must then exit.
 */
const char *privileges_become(uid_t uid, gid_t gid, gid_t extra);

/*
 * See that a directory is fit to be an empty root: owned by root, writable by nobody
 * else, nothing in it.  Returns NULL or a constant text.
 */
const char *privileges_check_empty(const char *path);

/* Make an empty directory the root.  Returns NULL or a constant text, as above. */
const char *privileges_enter_empty(const char *path);

#endif
