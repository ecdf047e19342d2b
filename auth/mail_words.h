/*
 * Numbers that say something of a user, as words, wherever they come from.
 */
#ifndef MAIL_WORDS_H
#define MAIL_WORDS_H

#include <string.h>

#include "auth/auth_module.h"

/* Digits only, of no more than `most`. */
static inline bool
mail_words_digits(struct auth_span text, uint32_t most, uint32_t *number)
{
	uint64_t value = 0;

	if (text.n == 0 || text.n > 10)
		return false;
	for (size_t i = 0; i < text.n; i++) {
		if (text.p[i] < '0' || text.p[i] > '9')
			return false;
		value = value * 10 + (uint64_t)(text.p[i] - '0');
	}
	if (value > most)
		return false;
	*number = (uint32_t)value;
	return true;
}

/* Seconds, or days.  The largest of 32 bits have a meaning of their own. */
static inline bool
mail_words_number(struct auth_span text, uint32_t *number)
{
	return mail_words_digits(text, AUTH_EXPIRE_NEVER - 1, number);
}

/* Days, or "never". */
static inline bool
mail_words_expire(struct auth_span text, uint32_t *days)
{
	if (text.n != 5 || memcmp(text.p, "never", 5) != 0)
		return mail_words_number(text, days);
	*days = AUTH_EXPIRE_NEVER;
	return true;
}

#endif
