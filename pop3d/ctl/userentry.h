/*
 * Changes of one entry in a file of users, whatever secret it holds.  The functions that
 * return an int return 0 or an exit status; what is wrong has been said.
 */
#ifndef USERENTRY_H
#define USERENTRY_H

#include <stdbool.h>
#include <stddef.h>

#include "auth/userfile.h"
#include "pop3d/ctl/passwd_options.h"

/*
 * Put the line of a new entry, with its line end, into text.  False if pop3d would not
 * take it, which has been said.
 */
bool userentry_compose(const struct passwd_options *options, const char *secret,
	char text[USERFILE_LINE_MAX], size_t *n);

/* Add a line at the end; CTL_NO if there is such a user. */
int userentry_add(const struct passwd_options *options, const char *text, size_t n);

/* Put a secret where the old one is; everything else in the line stays as it is. */
int userentry_replace(const struct passwd_options *options, const char *secret);

#define USERENTRY_SCRAM "{SCRAM-SHA-256}"

/* What is stored of a new password. */
enum userentry_form {
	USERENTRY_SAME, /* what there is: SCRAM keys stay keys, keys beside a hash too */
	USERENTRY_KEYS, /* keys alone */
	USERENTRY_BOTH, /* a hash, and keys beside it */
};

struct userentry_secret {
	enum userentry_form form;
	const char *hash;
	const char *keys; /* with USERENTRY_SCRAM before them; "": there can be none */
};

/* As userentry_replace(); no secret of the old password is left. */
int userentry_password(
	const struct passwd_options *options, const struct userentry_secret *secret);

/* Make the database of a user file anew. */
int userentry_compile(const char *file);

/*
 * Put a secret into the user's entry, which is added if there is none.  CTL_NO if there
 * is one and the options name fields besides.
 */
int userentry_set(const struct passwd_options *options, const char *secret);

/* Remove all entries of the name: a second one would come to life without the first. */
int userentry_delete(const struct passwd_options *options);

#endif
