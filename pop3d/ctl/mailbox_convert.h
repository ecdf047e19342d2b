/*
 * `pop3ctl mailbox convert`: an mbox becomes a Maildir, or the other way round.
 */
#ifndef CTL_MAILBOX_CONVERT_H
#define CTL_MAILBOX_CONVERT_H

#include "pop3d/ctl/ctl.h"

int mailbox_convert(const struct ctl_context *context, int argc, char **argv);

#endif
