/*
 * Counts what a message of a Maildir will be on the wire.
 */
#ifndef MAILDIR_COUNT_H
#define MAILDIR_COUNT_H

#include <stdint.h>
#include <sys/stat.h>

#include "mailstore/decoder.h"
#include "mailstore/session_lock.h"

#define MAILDIR_COUNT_BUFFER 65536u

/*
 * The octets, as sent, of a file of `size` stored bytes, compressed or not, whose
 * position plays no part.  buffer has MAILDIR_COUNT_BUFFER octets.  max: see
 * decoder_open().  lock, if not NULL, is kept meanwhile: a large file takes its time.
 */
enum decoder_status maildir_count(int fd, uint64_t size, uint64_t max,
	unsigned char *buffer, struct session_lock *lock, uint64_t *octets);

/* The time of the last change, in nanoseconds. */
int64_t maildir_mtime(const struct stat *st);

#endif
