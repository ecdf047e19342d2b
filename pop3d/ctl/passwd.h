/*
 * `pop3ctl passwd`: the users and passwords of the module passwd.  See pop3ctl(1) for
 * what each command does, and ctl.h for how it is called.
 */
#ifndef CTL_PASSWD_H
#define CTL_PASSWD_H

#include "pop3d/ctl/ctl.h"

int passwd_add(const struct ctl_context *context, int argc, char **argv);
int passwd_change(const struct ctl_context *context, int argc, char **argv);
int passwd_delete(const struct ctl_context *context, int argc, char **argv);
int passwd_compile(const struct ctl_context *context, int argc, char **argv);
int passwd_verify(const struct ctl_context *context, int argc, char **argv);
int passwd_list(const struct ctl_context *context, int argc, char **argv);

#endif
