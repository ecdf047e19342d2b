/*
 * Unique-ids of RFC 1939 section 7: 1 to 70 characters 0x21-0x7E.
 */
#ifndef UNIQUE_ID_H
#define UNIQUE_ID_H

#include <stdbool.h>
#include <stddef.h>

#include "mailstore/mailstore.h"

/* The name itself where it is a valid unique-id, else 32 hexadecimal digits of its
 * SHA-256. */
void unique_id_from_name(const char *name, size_t n, char uid[MAIL_UID_MAX + 1]);

/*
 * Make duplicates distinct, the same way each time: the k-th of equal ids in list order
 * (k > 1) gets ".k" appended.  ids is an array of n; false if out of memory.
 */
bool unique_id_distinguish(char (*ids)[MAIL_UID_MAX + 1], size_t n);

#endif
