/*
 * The configuration as the options -c and -o of pop3ctl choose it.
 */
#ifndef CTL_SETTINGS_H
#define CTL_SETTINGS_H

#include "pop3d/config.h"
#include "pop3d/ctl/ctl.h"

/* For what tells its problems to a report: each becomes a line on standard error. */
extern const struct config_report settings_report;

/*
 * Read what pop3d would read: only a file that was asked for must be there.  To be freed
 * with config_free(); NULL if anything is wrong, which has been said.
 */
struct config *settings_load(const struct ctl_context *context);

#endif
