/*
 * Whose mail a user name stands for, without a password.
 */
#ifndef CTL_MAILBOX_USER_H
#define CTL_MAILBOX_USER_H

#include "auth/auth_module.h"
#include "pop3d/service.h"

/*
 * Fill in the identity that a login of the user would get: from the files of the modules
 * passwd and apop where auth.modules has these, or else from the system's users.  What a
 * program or a token tells at a login is not known here.  Returns 0, CTL_NO if there is
 * no such user, or another exit status; what is wrong has been said.
 */
int mailbox_user_find(
	const struct service *service, const char *user, struct auth_identity *identity);

#endif
