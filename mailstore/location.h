/*
 * Mail locations: `maildir:~/Maildir`, `mbox:/var/mail/%u`.
 */
#ifndef LOCATION_H
#define LOCATION_H

#include <stdbool.h>
#include <stddef.h>

#include "mailstore/mailstore.h"

struct mail_location {
	const struct mailstore_ops *ops;
	char path[4096]; /* absolute */
};

/*
 * Expand a template for a user.  %u is the whole user name, %n the part before the last
 * '@', %d the part behind it, %h and a leading ~/ the home directory, %% a '%'.  What a
 * user name puts in can never climb out of the tree that the template names: an
 * expanded %u, %n or %d that is empty, holds a '/', or starts with a '.' is refused.
 * home is absolute, or "" for none.  On failure *error is a constant text for the log.
 */
bool mail_location_expand(struct mail_location *location, const char *template,
	const char *user, const char *home, const char **error);

/*
 * Check a template without a user: driver name, letters behind '%', that it is absolute
 * once expanded.  Returns NULL if it is good, else a constant text.
 */
const char *mail_location_check(const char *template);

#endif
