/*
 * The unique-ids that another server gave the messages of a maildrop.
 */
#ifndef CTL_FOREIGN_IDS_H
#define CTL_FOREIGN_IDS_H

#include "mailstore/import.h"
#include "pop3d/ctl/mailbox.h"

/* The words for sources on a command line.  IMPORT_AUTO: there is no such source. */
enum import_source foreign_ids_source(const char *word);

/*
 * Fill in ids, of m->count messages, each "" where that server gave none.  m is open.
 * Returns 0 or an exit status, and has said then what is wrong: EX_NOINPUT if there is
 * nothing of that server.
 */
int foreign_ids_read(struct mailbox *m, enum import_source source,
	const char *dovecot_format, char (*ids)[MAIL_UID_MAX + 1]);

#endif
