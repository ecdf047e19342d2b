/*
 * Fields of a message's header (RFC 5322 section 2.2), for people to look at.  Pure.
 */
#ifndef CTL_MAILBOX_HEADER_H
#define CTL_MAILBOX_HEADER_H

#include <stdbool.h>
#include <stddef.h>

/*
 * Find the first field of a name in the n bytes at p, the beginning of a message.  *value
 * is what stands behind the colon and blanks, with the lines that continue it but for the
 * last line end.  false: there is none before the header ends.
 */
bool mailbox_header_find(const unsigned char *p, size_t n, const char *name,
	const unsigned char **value, size_t *value_octets);

/*
 * A value on one line, fit to be printed: line ends are left out, tabs are blanks, the
 * rest is as printable_copy() has it.  Returns how many characters it has.
 */
size_t mailbox_header_print(char *text, size_t size, size_t max,
	const unsigned char *value, size_t value_octets);

#endif
