/*
 * Words of a text that is not terminated.
 */
#ifndef IMPORT_LINE_H
#define IMPORT_LINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct import_words {
	const char *p;
	size_t n;
};

/* Take the next line, without its LF or CRLF; false if none is left that has one. */
bool import_line(struct import_words *text, struct import_words *line);

/* Step over at most n octets. */
void import_skip(struct import_words *words, size_t n);

/* Step over blanks; false if there is none. */
bool import_blanks(struct import_words *words);

/* Take what comes before the next blank or the end; it may be empty. */
struct import_words import_word(struct import_words *words);

/* Take the word behind the last blank, and that blank; false if there is no blank. */
bool import_last_word(struct import_words *words, struct import_words *word);

/* Take a decimal number that is at most max; false, with nothing taken, if none is there.
 */
bool import_number(struct import_words *words, uint64_t max, uint64_t *number);

#endif
