/*
 * Counts what a message of a Maildir will be on the wire.
 */
#ifndef MAILDIR_COUNT_H
#define MAILDIR_COUNT_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>

#include "mailstore/decoder.h"
#include "mailstore/maildir_list.h"
#include "mailstore/session_lock.h"

#define MAILDIR_COUNT_BUFFER 65536u

struct maildir_counted {
	uint64_t octets; /* as sent */
	/*
	 * The file is what is sent: not compressed, every line end CRLF, the last line
	 * ended, and no line begins with a dot, which would have to be doubled.
	 */
	bool as_is;
};

/*
 * Count a file of `size` stored bytes, compressed or not, whose position plays no part.
 * buffer has MAILDIR_COUNT_BUFFER octets.  max: see decoder_open().  lock, if not NULL,
 * is kept meanwhile: a large file takes its time.
 */
enum decoder_status maildir_count(int fd, uint64_t size, uint64_t max,
	unsigned char *buffer, struct session_lock *lock,
	struct maildir_counted *counted);

/* Note in an entry what was counted of its file. */
void maildir_entry_count(struct maildir_entry *entry, const struct stat *st,
	const struct maildir_counted *counted);

/* The time of the last change, in nanoseconds. */
int64_t maildir_mtime(const struct stat *st);

#endif
