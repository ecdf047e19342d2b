/*
 * Whose maildrop a session may open.
 */
#ifndef IDENTITY_H
#define IDENTITY_H

#include "auth/auth_module.h"
#include "pop3d/service.h"

/*
 * Fill in the configuration's uid and gid where an entry has none, and see that the
 * identity may be served.  Judged by the monitor: a module names whom it likes.  Returns
 * NULL, or a constant text that says what an administrator has set up wrong.
 */
const char *identity_complete(
	const struct service *service, struct auth_identity *identity);

#endif
