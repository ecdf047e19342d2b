/*
 * What a store knows of a message beside its bytes, for the tools of an administrator: a
 * session has no use for it.
 */
#ifndef DETAIL_H
#define DETAIL_H

#include "mailstore/mailstore.h"
#include "mailstore/mbox_from.h"

/* Flags that both formats know, and what Maildir alone does. */
enum mail_flag {
	MAIL_FLAG_SEEN = 1u << 0,
	MAIL_FLAG_ANSWERED = 1u << 1,
	MAIL_FLAG_FLAGGED = 1u << 2,
	MAIL_FLAG_DELETED = 1u << 3,
	MAIL_FLAG_DRAFT = 1u << 4,
	MAIL_FLAG_OLD = 1u << 5, /* some client has been told of it: in cur/, `O` */
};

struct mail_detail {
	int64_t delivered; /* seconds since 1970: the file's mtime, the From_ line's date;
			      0 if it cannot be told */
	unsigned flags;    /* of a Maildir; an mbox keeps them in the header */
	size_t name_octets; /* of the following, without a line end */
	size_t from_octets; /* with it; 0 for a Maildir */
	/* A Maildir: of the file, with a NUL behind it.  An mbox: the From_ line. */
	char name[MBOX_FROM_MAX + 1];
};

/* Of message i of a store of either driver that has been loaded. */
enum mail_status mail_detail_get(
	struct mailstore *store, size_t i, struct mail_detail *detail);

/*
 * Of the message that c-client keeps its folder data in, which no client sees; the first
 * cap octets of its header go to header, *n of them.  MAIL_GONE: there is none.
 */
enum mail_status mail_detail_pseudo(struct mailstore *store, struct mail_detail *detail,
	unsigned char *header, size_t cap, size_t *n);

/* The letters of Maildir's flags that a mask stands for, in their order: at most 5. */
void mail_detail_letters(unsigned flags, char letters[6]);

#endif
