/*
 * Files of a Maildir that have one base name.  Mostly they are one message: the names it
 * had while another program moved it, or hard links that such a program left when it was
 * killed.  But they may also be different messages, by a backup or a program that makes
 * poor names.  Then all are listed, and the file, not the name, tells which is which.
 */
#ifndef MAILDIR_TWINS_H
#define MAILDIR_TWINS_H

#include "mailstore/maildir_list.h"
#include "mailstore/mailstore.h"

/*
 * After the directories, whose descriptors are in dirs, were read and the list is sorted:
 * keep those twins that are hard links, list those that are other messages, as rivals,
 * and forget the others.  MAIL_TEMP: logged.
 */
enum mail_status maildir_twins_settle(struct maildir_list *list,
	const int dirs[MAILDIR_SUBS], const struct mail_options *options);

/*
 * *entry has the base name of the file `name` in `sub`.  If it is a rival, *entry becomes
 * the rival that is this file; NULL if it is none of them, or has gone.  MAIL_TEMP:
 * logged.
 */
enum mail_status maildir_twins_choose(const struct maildir_list *list,
	const int dirs[MAILDIR_SUBS], const char *name, enum maildir_sub sub,
	const struct mail_options *options, struct maildir_entry **entry);

#endif
