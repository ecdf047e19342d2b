/*
 * Unique-ids of RFC 1939 section 7: 1 to 70 characters 0x21-0x7E.
 */
#ifndef UNIQUE_ID_H
#define UNIQUE_ID_H

#include <stdbool.h>
#include <stddef.h>

#include "mailstore/mailstore.h"

/* Whether n octets are a unique-id. */
bool unique_id_is_valid(const char *id, size_t n);

/* The name itself where it is a valid unique-id, else 32 hexadecimal digits of its
 * SHA-256. */
void unique_id_from_name(const char *name, size_t n, char uid[MAIL_UID_MAX + 1]);

/*
 * The k-th id (k > 1) of those that are made of one: ".k" appended, or, where that would
 * be too long, a hash of it.
 */
void unique_id_number(const char *id, size_t k, char uid[MAIL_UID_MAX + 1]);

/*
 * Make duplicates distinct, the same way each time: of equal ids the first in list order
 * stays, the others get ".k" appended.  Ids that were given out already must stay before
 * all others: `given` has a bit for each id, given[i / 8] & (1 << i % 8), or is NULL.
 * ids is an array of n; false if out of memory.
 */
bool unique_id_distinguish(
	char (*ids)[MAIL_UID_MAX + 1], size_t n, const unsigned char *given);

#endif
