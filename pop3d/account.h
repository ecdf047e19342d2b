/*
 * System users and groups, by name or number.
 */
#ifndef ACCOUNT_H
#define ACCOUNT_H

#include <stdbool.h>
#include <sys/types.h>

/*
 * The uid and primary gid of a user.  A number is taken as it is; its gid is that of the
 * entry with this uid, or the number itself.  /etc/passwd is asked first: it costs no
 * loading of name services.
 */
bool account_user(const char *name, uid_t *uid, gid_t *gid);

/* The gid of a group; /etc/group is asked first. */
bool account_group(const char *name, gid_t *gid);

#endif
