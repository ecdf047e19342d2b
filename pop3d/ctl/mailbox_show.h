/*
 * `pop3ctl mailbox show`: what a client would be told of a maildrop.
 */
#ifndef CTL_MAILBOX_SHOW_H
#define CTL_MAILBOX_SHOW_H

#include "pop3d/ctl/ctl.h"

int mailbox_show(const struct ctl_context *context, int argc, char **argv);

#endif
