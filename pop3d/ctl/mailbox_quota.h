/*
 * `pop3ctl mailbox quota`: how full a Maildir++ is, and its file maildirsize.
 */
#ifndef CTL_MAILBOX_QUOTA_H
#define CTL_MAILBOX_QUOTA_H

#include "pop3d/ctl/ctl.h"

int mailbox_quota(const struct ctl_context *context, int argc, char **argv);

#endif
