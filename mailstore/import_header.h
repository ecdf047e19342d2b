/*
 * What the importers have in common that take ids from the headers of messages.
 */
#ifndef IMPORT_HEADER_H
#define IMPORT_HEADER_H

#include <stdbool.h>
#include <stddef.h>

#include "mailstore/import.h"
#include "mailstore/import_line.h"

/* A stored message: the From_ line, empty in a Maildir, and the header. */
struct import_message {
	struct import_words from, header;
};

/* Take the next line of a header with its line end; false before the empty line or at the
 * end. */
bool import_header_line(struct import_words *header, struct import_words *line);

/* Whether a line goes on with the field of the line before. */
bool import_header_continues(struct import_words line);

/* Take the next field, all lines of it; false as above. */
bool import_header_field(struct import_words *header, struct import_words *field);

/* Whether a field, or its first line, has this name; then value is what follows the
 * colon, without the last line end. */
bool import_header_value(
	struct import_words field, const char *name, struct import_words *value);

/* Whether a line begins with these octets, in upper or lower case. */
bool import_header_begins(struct import_words line, const char *start);

/*
 * Whether servers that know only LF as a line end take this as the header, all of it: the
 * last line is whole, and no empty line is a CRLF, which they would read past.
 */
bool import_header_is_plain(struct import_words header);

/* The id that the first field X-UIDL gives; false if it gives none that is valid. */
bool import_x_uidl(struct import_words header, char id[MAIL_UID_MAX + 1]);

/* One source each; see import_from_header(). */
bool import_mbox_id(struct import_headers *state, const char *format,
	const struct import_message *message, char id[MAIL_UID_MAX + 1]);
bool import_popa3d_id(const struct import_message *message, char id[MAIL_UID_MAX + 1]);
bool import_qpopper_id(const struct import_message *message, char id[MAIL_UID_MAX + 1]);

#endif
