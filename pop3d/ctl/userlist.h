/*
 * The list of a file of users, one a line, for `pop3ctl GROUP list`.
 */
#ifndef USERLIST_H
#define USERLIST_H

#include "auth/auth_module.h"
#include "pop3d/ctl/passwd_options.h"

/* Print what kind of secret an entry holds, and a tab; never anything of the secret. */
typedef void userlist_print(struct auth_span secret);

/* Print all entries, or the first one of options->user.  Returns 0 or an exit status. */
int userlist_show(const struct passwd_options *options, userlist_print *secret_print);

#endif
