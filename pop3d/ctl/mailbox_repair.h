/*
 * `pop3ctl mailbox repair` and `recover`.
 */
#ifndef CTL_MAILBOX_REPAIR_H
#define CTL_MAILBOX_REPAIR_H

#include "pop3d/ctl/ctl.h"

/* Mend what can be mended without a decision about mail. */
int mailbox_repair(const struct ctl_context *context, int argc, char **argv);

/* Finish what was cut short, and get at the mail that a journal has saved. */
int mailbox_recover(const struct ctl_context *context, int argc, char **argv);

#endif
