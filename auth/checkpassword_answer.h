/*
 * What the module "checkpassword" learns of a program that found the password right: the
 * environment in which the program ran checkpassword-reply, as that wrote it down.
 *
 * The ids are not in here: the kernel tells whose process wrote it.
 */
#ifndef CHECKPASSWORD_ANSWER_H
#define CHECKPASSWORD_ANSWER_H

#include <stddef.h>

#include "auth/auth_module.h"

#define CHECKPASSWORD_ANSWER_MAX 4096u /* octets */

/* The variables whose values, each with its NUL, are an answer, in this order. */
#define CHECKPASSWORD_ANSWER_NAMES                                                       \
	{                                                                                \
		"USER", "HOME", "MAIL", "MAILDIR", "userdb_login_delay", "userdb_expire" \
	}
#define CHECKPASSWORD_ANSWER_COUNT 6

/*
 * Fill in user, home, mail, login_delay and expire of an identity; an empty or missing
 * value leaves its field as it is.  MAIL counts if it is a location ("maildir:" or
 * "mbox:" in front); else MAILDIR does, a path that may be relative to HOME.  Returns
 * NULL, or a constant text that says what is wrong.
 */
const char *checkpassword_answer_parse(
	const char *answer, size_t n, struct auth_identity *identity);

#endif
