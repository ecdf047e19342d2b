/*
 * Which paths a store touches, for a caller that bars all others.  A driver's operation
 * `needs` names them; what it names must cover whatever a session does with the store.
 */
#ifndef NEEDS_H
#define NEEDS_H

#include "mailstore/mailstore.h"

bool maildir_needs(const char *path, const struct mail_options *options,
	mail_path_needed *needed, void *cookie);
bool mbox_needs(const char *path, const struct mail_options *options,
	mail_path_needed *needed, void *cookie);

#endif
