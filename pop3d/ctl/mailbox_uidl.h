/*
 * `pop3ctl mailbox uidl`: the unique-ids of a maildrop, and whether those are the ones
 * that another server gave.
 */
#ifndef CTL_MAILBOX_UIDL_H
#define CTL_MAILBOX_UIDL_H

#include "pop3d/ctl/ctl.h"

int mailbox_uidl(const struct ctl_context *context, int argc, char **argv);

#endif
