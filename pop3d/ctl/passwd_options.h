/*
 * The command line of commands that work on a file of users: `pop3ctl passwd` and `apop`.
 */
#ifndef PASSWD_OPTIONS_H
#define PASSWD_OPTIONS_H

#include <stdbool.h>

#include "pop3d/ctl/ctl.h"

/*
 * What is not given is "", but for the files, which are never missing: of several in the
 * configuration it is the first.
 */
struct passwd_options {
	char *file; /* owned */
	char *key;  /* owned; NULL where the letters have no 'k' */
	const char *uid;
	const char *gid;
	const char *home;
	const char *mail;
	const char *user;
	const char *keys; /* SCRAM keys to stand beside the hash */
	bool scram;       /* --scram */
	bool both;        /* --both */
};

/*
 * Take the options that `letters` (as for getopt()) names and a user, who may be missing
 * if `user_optional` is not 0.  Files that are not given are those of [auth.MODULE].
 * Returns 0 or an exit status; what is wrong has been said.
 */
int passwd_options_read(const struct ctl_context *context, const char *module, int argc,
	char **argv, const char *letters, int user_optional,
	struct passwd_options *options);

void passwd_options_free(struct passwd_options *options);

#endif
