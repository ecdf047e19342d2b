/*
 * `pop3ctl auth list`: the modules there are, and what each could serve.
 */
#ifndef CTL_AUTHLIST_H
#define CTL_AUTHLIST_H

#include "pop3d/ctl/ctl.h"

int authlist_run(const struct ctl_context *context, int argc, char **argv);

#endif
