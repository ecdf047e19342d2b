/*
 * Unique-ids that another server wrote into the messages of an mbox, or made of them.
 */
#ifndef MBOX_IMPORT_H
#define MBOX_IMPORT_H

#include "mailstore/mbox.h"

/*
 * Fill in box->ids of the messages that have none ("") where their headers give one.
 * `first`: pop3d has not given ids here before, so any server's will do.  Ids of two
 * messages may be the same.
 */
enum mail_status mbox_import(struct mbox *box, bool first);

/* Whether such ids (enum import_source) are also those of mail that comes later. */
bool mbox_import_is_live(unsigned source);

#endif
