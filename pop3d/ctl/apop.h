/*
 * `pop3ctl apop`: the users and shared secrets of the module apop.  See pop3ctl(1) for
 * what each command does, and ctl.h for how it is called.
 */
#ifndef CTL_APOP_H
#define CTL_APOP_H

#include "pop3d/ctl/ctl.h"

int apop_init(const struct ctl_context *context, int argc, char **argv);
int apop_set(const struct ctl_context *context, int argc, char **argv);
int apop_delete(const struct ctl_context *context, int argc, char **argv);
int apop_list(const struct ctl_context *context, int argc, char **argv);

#endif
