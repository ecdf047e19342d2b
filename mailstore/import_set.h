/*
 * Ids that an importer has read, before they are reported.
 */
#ifndef IMPORT_SET_H
#define IMPORT_SET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "mailstore/import.h"

struct import_entry {
	const char *key; /* not terminated, in the caller's text */
	size_t id;       /* where it is in ids */
	uint32_t key_length;
	uint32_t serial; /* the order in which entries were added */
};

/* Starts zeroed. */
struct import_set {
	struct import_entry *entries;
	size_t count, capacity;
	char *ids; /* all, each ended by a NUL */
	size_t ids_length, ids_capacity;
};

/* Whether this is a unique-id of RFC 1939 section 7. */
bool import_id_valid(const char *id, size_t n);

/* The length of a message's base name in a file name of n octets; 0 if it has none. */
size_t import_base_length(const char *name, size_t n);

/*
 * Add what is valid; the key must stay in memory.  What is no file name or no id is left
 * out.  False if out of memory.
 */
bool import_set_add(struct import_set *set, const char *name, size_t n, const char *id,
	size_t id_length);

/* Report as import.h says and free the set.  IMPORT_OK, or IMPORT_ERROR with errno. */
enum import_result import_set_report(
	struct import_set *set, import_found *found, void *cookie);

void import_set_free(struct import_set *set);

#endif
