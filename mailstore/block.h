/*
 * Memory that files are read into.  Where it begins matters: some processors copy several
 * times slower if the copy begins 1 to 63 octets further in its page than the original,
 * and what malloc() gives for large sizes begins 16 octets behind the start of one.
 */
#ifndef BLOCK_H
#define BLOCK_H

#include <stddef.h>

#define BLOCK_ALIGNMENT 64u

/* At least n octets, for free().  NULL if out of memory. */
void *block_new(size_t n);

#endif
