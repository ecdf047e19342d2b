/*
 * Where the files of a module are, as the configuration says.
 */
#ifndef USERSPATH_H
#define USERSPATH_H

#include "pop3d/ctl/ctl.h"

/*
 * The value of a key of [auth.MODULE] in a configuration, or the other text if it is not
 * set.  To be freed.  NULL if the configuration is wrong, which has been said on standard
 * error.
 */
char *userspath_find(const struct ctl_context *context, const char *module,
	const char *key, const char *otherwise);

#endif
