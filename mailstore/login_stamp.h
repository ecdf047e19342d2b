/*
 * When a maildrop was last opened for a client: the time stamp of an empty file beside
 * it, which only maildrops with a login delay have (RFC 2449 section 6.5).
 */
#ifndef LOGIN_STAMP_H
#define LOGIN_STAMP_H

#include "mailstore/mailstore.h"

/*
 * See that options->login_delay seconds have passed since the last time, and that the
 * next one counts from now.  To be called under the session lock, so that of two logins
 * one is the first.  MAIL_EARLY: they have not, and the time that counts is the one
 * before. MAIL_OK, too, where it cannot be told, which is logged: that keeps no one from
 * his mail.
 */
enum mail_status login_stamp(
	int dirfd, const char *name, const struct mail_options *options);

#endif
