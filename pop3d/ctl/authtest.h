/*
 * `pop3ctl auth test`: a login attempt without a client, the very way a client's goes.
 */
#ifndef CTL_AUTHTEST_H
#define CTL_AUTHTEST_H

#include "pop3d/ctl/ctl.h"

int authtest_run(const struct ctl_context *context, int argc, char **argv);

#endif
