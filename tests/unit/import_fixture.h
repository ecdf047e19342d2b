/*
 * What importers report, as text: a "KEY ID\n" line for each.
 */
#ifndef IMPORT_FIXTURE_H
#define IMPORT_FIXTURE_H

#include <stdbool.h>
#include <stddef.h>

struct import_log {
	char text[8192];
	size_t length;
	unsigned left; /* how many more are accepted; 0: all */
};

/* An import_found; cookie is a struct import_log, which starts zeroed. */
bool import_log_found(void *cookie, const char *key, const char *id);

#endif
