/*
 * `pop3ctl penalty`: who has to wait for having failed to log in, and an end to it.
 */
#ifndef CTL_PENALTY_H
#define CTL_PENALTY_H

#include "pop3d/ctl/ctl.h"

/* Show what an address or a user owes, or how many of each there are. */
int penalty_show(const struct ctl_context *context, int argc, char **argv);

/* Forget an address or a user, or everything. */
int penalty_drop(const struct ctl_context *context, int argc, char **argv);

#endif
