#include "mailstore/import_line.h"

#include <string.h>

bool
import_line(struct import_words *text, struct import_words *line)
{
	const char *end = text->n > 0 ? memchr(text->p, '\n', text->n) : NULL;

	if (end == NULL)
		return false;
	line->p = text->p;
	line->n = (size_t)(end - text->p);
	import_skip(text, line->n + 1);
	if (line->n > 0 && line->p[line->n - 1] == '\r')
		line->n--;
	return true;
}

void
import_skip(struct import_words *words, size_t n)
{
	if (n > words->n)
		n = words->n;
	words->p += n;
	words->n -= n;
}

bool
import_blanks(struct import_words *words)
{
	size_t n = 0;

	while (n < words->n && words->p[n] == ' ')
		n++;
	import_skip(words, n);
	return n > 0;
}

struct import_words
import_word(struct import_words *words)
{
	const char *end = words->n > 0 ? memchr(words->p, ' ', words->n) : NULL;
	struct import_words word = *words;

	if (end != NULL)
		word.n = (size_t)(end - words->p);
	import_skip(words, word.n);
	return word;
}

bool
import_last_word(struct import_words *words, struct import_words *word)
{
	const char *blank = words->n > 0 ? memrchr(words->p, ' ', words->n) : NULL;

	if (blank == NULL)
		return false;
	word->p = blank + 1;
	word->n = words->n - (size_t)(word->p - words->p);
	words->n = (size_t)(blank - words->p);
	return true;
}

bool
import_number(struct import_words *words, uint64_t max, uint64_t *number)
{
	uint64_t value = 0;
	size_t i;

	for (i = 0; i < words->n && words->p[i] >= '0' && words->p[i] <= '9'; i++) {
		const unsigned digit = (unsigned)(words->p[i] - '0');

		if (digit > max || value > (max - digit) / 10)
			return false;
		value = value * 10 + digit;
	}
	if (i == 0)
		return false;
	import_skip(words, i);
	*number = value;
	return true;
}
