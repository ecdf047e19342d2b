/*
 * Text of unknown origin on a terminal.  What a mail or a file's name says may hold
 * sequences that a terminal obeys, so no control byte of it must get there.
 */
#ifndef CTL_PRINTABLE_H
#define CTL_PRINTABLE_H

#include <stddef.h>

/*
 * Copy the n bytes at p into text, as much as fits with a NUL.  Control characters (C0,
 * DEL, C1 also where it is written as UTF-8, the marks of UTF-8 that turn the direction
 * of writing or have no width) and bytes that are not UTF-8 become '?' each.  A character
 * is never cut in two.  max is the most characters to copy.  Returns how many were.
 */
size_t printable_copy(
	char *text, size_t size, size_t max, const unsigned char *p, size_t n);

#endif
