/*
 * `pop3ctl mailbox check`: what is wrong with a maildrop.
 */
#ifndef CTL_MAILBOX_CHECK_H
#define CTL_MAILBOX_CHECK_H

#include "pop3d/ctl/ctl.h"

int mailbox_check(const struct ctl_context *context, int argc, char **argv);

#endif
