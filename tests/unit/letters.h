/*
 * Texts in which the letters that matter are anything from everywhere to nearly nowhere.
 */
#ifndef LETTERS_H
#define LETTERS_H

#include <stdlib.h>

#define LETTERS 6u

/* Fill with x and some of the letters; between 1 and `longest` octets, which it returns.
 */
static inline size_t
letters_fill(unsigned char *text, size_t longest, const char letters[LETTERS + 1])
{
	const size_t n = 1 + (size_t)random() % longest;
	const long rare = 1 + random() % 200;

	for (size_t i = 0; i < n; i++)
		text[i] = random() % rare > 5
				  ? 'x'
				  : (unsigned char)letters[(size_t)random() % LETTERS];
	return n;
}

#endif
