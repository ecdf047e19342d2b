/*
 * Unique-ids that other POP3 servers gave, so that their clients do not download all mail
 * again from this one.  Where ids stand in a file beside the messages of a Maildir, it is
 * read; where they stand in a message's header or follow from it, as in an mbox, they are
 * taken from there.
 */
#ifndef IMPORT_H
#define IMPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "mailstore/mailstore.h"

enum import_source {
	IMPORT_AUTO = 0, /* for callers: each that applies; nothing here takes it */
	IMPORT_OWN,      /* for callers: no import; nothing here takes it */
	IMPORT_DOVECOT,  /* dovecot-uidlist; in an mbox, X-UID and X-IMAPbase */
	IMPORT_COURIER,  /* courierpop3dsizelist */
	IMPORT_X_UIDL,   /* the field X-UIDL, which several servers write */
	IMPORT_POPA3D,   /* mbox: a hash of some header fields */
	IMPORT_QPOPPER,  /* mbox: X-UIDL as qpopper takes it, or else its hash */
};

enum import_result {
	IMPORT_OK = 0,
	IMPORT_NONE,   /* no such file, or nothing of this source in it */
	IMPORT_BROKEN, /* not understood; nothing was reported */
	IMPORT_ERROR,  /* errno */
};

/*
 * One id.  key is the base name of the message's file in the Maildir, which need not be
 * there any more.  False stops, as out of memory.
 */
typedef bool import_found(void *cookie, const char *key, const char *id);

/*
 * Parse all of a dovecot-uidlist, of version 1 or 3, or of a courierpop3dsizelist, of any
 * version.  Ids that are not 1 to 70 octets 0x21-0x7E are left out, and so are lines that
 * these servers would not read, as a last one without its line end; of a name given twice
 * the last counts, of ids given twice only the first is reported.  In the order of the
 * lines.  IMPORT_ERROR is ENOMEM, also if found was false.
 *
 * format is Dovecot's pop3_uidl_format, NULL for its default; import_dovecot_format_check
 * must have passed it.  An id that the list gives itself (P) wins over the format.
 * Dovecot knows no %m in a Maildir: with it, only ids that the list gives are reported.
 *
 * Dovecot's pop3_reuse_xuidl makes ids of IMPORT_X_UIDL; what its pop3_uidl_duplicates =
 * rename puts behind an id is in no file, and not known here.
 */
enum import_result import_dovecot_parse(const char *text, size_t n, const char *format,
	import_found *found, void *cookie);
enum import_result import_courier_parse(
	const char *text, size_t n, import_found *found, void *cookie);

/*
 * Whether ids of a pop3_uidl_format can be computed here: NULL, or what is wrong with it
 * (constant text).  Variables are %u %v %f %g %m and %%, and by long names %{uid}
 * %{uidvalidity} %{filename} %{guid} %{md5}, the former with an offset, a width and the
 * modifiers L U X R T M in front, the latter also as Dovecot 2.4 has them:
 * %{uid | hex(8)}, with the filters hex, lower and upper.
 */
const char *import_dovecot_format_check(const char *format);

/*
 * Read the list of IMPORT_DOVECOT or IMPORT_COURIER in the Maildir dirfd and parse it.
 * It may be any file: links are not followed, what is no regular file or too large is
 * IMPORT_BROKEN.  dovecot_format as above.
 */
enum import_result import_maildir(int dirfd, enum import_source source,
	const char *dovecot_format, import_found *found, void *cookie);

/* What is known of the messages before; starts zeroed, one for each maildrop. */
struct import_headers {
	bool begun;        /* a message was seen */
	uint32_t validity; /* of UIDs, from the first message; 0 if it gave none */
	uint64_t next;     /* no UID is greater, or new mail could bring one along */
	uint32_t last;     /* the UID before; they ascend */
};

/*
 * The id that source gave a message, from its stored bytes: the From_ line with its line
 * end (from_len is 0 in a Maildir, and only IMPORT_X_UIDL is of use there), and the
 * header up to and with the empty line.  True: id is set, and valid.
 *
 * Of each maildrop all messages must be passed in order, a pseudo message of c-client as
 * the first of them.  Ids of two messages may be the same.  A header that was cut gives
 * no id where more of it could have mattered.
 *
 * qpopper hashes the time of day in, but stores the id as X-UIDL then; only where it was
 * told not to write into the mbox (update-status-headers = false) ids follow from the
 * message alone.  That hash is what is computed without an X-UIDL.
 */
bool import_from_header(struct import_headers *state, enum import_source source,
	const char *dovecot_format, const unsigned char *from, size_t from_len,
	const unsigned char *header, size_t header_len, char id[MAIL_UID_MAX + 1]);

#endif
