/*
 * What the id of a message in an mbox is made of: what delivery wrote.  That is the From_
 * line and the header without the fields that mail readers rewrite, and the body without
 * the line ends behind it; line ends are taken as LF.  So only mails that are the same
 * share an id.
 *
 * Every first login pays for all of a maildrop, so it is a checksum that is as fast as
 * memory.  A sender may make two mails on purpose that share an id: to the maildrop they
 * are alike, as two copies of one mail are, and get ids of their own.
 */
#ifndef MBOX_ID_H
#define MBOX_ID_H

#include <stdbool.h>
#include <stddef.h>

#include "mailstore/checksum.h"

#define MBOX_ID_SIZE CHECKSUM_SIZE

struct mbox_id; /* private */

/* NULL if out of memory. */
struct mbox_id *mbox_id_new(void);
/* id may be NULL. */
void mbox_id_free(struct mbox_id *id);

/* Start with the next message. */
void mbox_id_begin(struct mbox_id *id);

/* Add the next n bytes of the From_ line and the header, in chunks of any size. */
void mbox_id_header(struct mbox_id *id, const unsigned char *p, size_t n);

/* Add the next n bytes of the body, likewise; may_have_cr: a CR may be among them. */
void mbox_id_body(struct mbox_id *id, const unsigned char *p, size_t n, bool may_have_cr);

/* All is added. */
void mbox_id_end(struct mbox_id *id, unsigned char sum[MBOX_ID_SIZE]);

/*
 * Whether a header field that begins with these bytes, its name and the colon among them,
 * is one that mail readers rewrite; such a field must not be added.
 */
bool mbox_id_ignores(const unsigned char *field, size_t n);

#endif
