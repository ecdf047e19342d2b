/*
 * System users and groups, by name or number.
 */
#ifndef ACCOUNT_H
#define ACCOUNT_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#define ACCOUNT_NUMBERS 2 /* behind the password of an entry */

/*
 * The uid and primary gid of a user.  A number is taken as it is; its gid is that of the
 * entry with this uid, or the number itself.  /etc/passwd is asked first: it costs no
 * loading of name services.
 */
bool account_user(const char *name, uid_t *uid, gid_t *gid);

/* The gid of a group; /etc/group is asked first. */
bool account_group(const char *name, gid_t *gid);

/*
 * Look in a file in the form of passwd(5) or group(5), which are alike as far as the
 * first number; a super-server starts a process for each connection, and libc would load
 * and ask whatever nsswitch.conf(5) names.  The first entry that has this first number,
 * or, if `number` is NULL, this name; its first `wanted` numbers.  False if there is none
 * or it is malformed.
 */
bool account_find(const char *path, const char *name, const uint64_t *number, int wanted,
	uint64_t numbers[ACCOUNT_NUMBERS]);

#endif
