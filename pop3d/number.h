/*
 * Strict decimal numbers.
 */
#ifndef NUMBER_H
#define NUMBER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* One or more digits and nothing else, without overflow; leading zeros are accepted. */
bool number_parse(const char *text, size_t n, uint64_t *number);

#endif
