/*
 * Counting the octets of many messages at once.  On a disk or a file server that takes
 * its time for each file, several reads under way are several times as fast; from memory
 * they are not, so this is for when reading has proved slow.
 */
#ifndef MAILDIR_AHEAD_H
#define MAILDIR_AHEAD_H

#include "mailstore/maildir.h"

/* To be called before and after each message that is read for its octets. */
void maildir_ahead_begin(struct maildir_pace *pace);
void maildir_ahead_end(struct maildir_pace *pace, uint64_t octets);

/*
 * If reading is slow, count message i and some hundreds behind it that are not counted
 * yet, with a few threads that are gone when this returns.  What cannot be read is left
 * as it is, for maildir_octets() to say why.
 */
void maildir_ahead(struct maildir *m, size_t i);

#endif
