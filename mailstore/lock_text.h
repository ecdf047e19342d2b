/*
 * What stands in the file of a session lock: one line that names the holder, padded with
 * blanks to a fixed length.  Where every text has the same length, one write replaces
 * one by the other, and the file need never be cut first; a sum over the line tells a
 * reader on another host that met two halves.
 *
 *     pop3d-lock 1 held host=H machine=M boot=B pid=P start=T lease=L generation=G sum=S
 *
 * 1 is the version.  H is the host's name, M stands for its machine-id(5), B is the
 * kernel's boot id; "-" is for what is not known.  T is when the process started, in
 * clock ticks since boot; L the seconds of the lease; G is another one for each holder.
 */
#ifndef LOCK_TEXT_H
#define LOCK_TEXT_H

#include <stdbool.h>
#include <stddef.h>

#define LOCK_TEXT 384u /* octets, the LF at the end included */
#define LOCK_LEASE_MAX 86400u

/* What stands for something that is not known, and what numbers and names consist of. */
#define LOCK_NOT_KNOWN "-"
#define LOCK_DIGITS "0123456789"
#define LOCK_HEX LOCK_DIGITS "abcdef"
#define LOCK_HOST_OCTETS                                                                 \
	LOCK_DIGITS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-._"

enum lock_state {
	LOCK_UNKNOWN = 0, /* no such line: who holds the lock cannot be told */
	LOCK_HELD,
	LOCK_LEFT, /* nobody holds it, but files of who did should be removed */
	LOCK_FREE,
};

struct lock_holder {
	enum lock_state state;
	char host[65];
	char machine[33];
	char boot[37];
	char pid[21];
	char start[21];
	char generation[17];
	unsigned lease; /* seconds */
};

/* lock_self.c: this process, with a new generation.  False with errno: there are no
 * random bytes. */
bool lock_holder_self(struct lock_holder *holder, unsigned lease);

/*
 * Whether a holder ran under the kernel that runs now, or under an earlier one of this
 * machine: then the kernel's lock tells whether it lives.
 */
bool lock_holder_is_here(
	const struct lock_holder *holder, const struct lock_holder *self);

void lock_text_make(char text[LOCK_TEXT], const struct lock_holder *holder);

/*
 * n octets of a file's beginning, which may be anything.  No octets at all are LOCK_FREE
 * with no host.  host and pid can be logged as they are, whatever the state.
 */
void lock_text_parse(struct lock_holder *holder, const char *text, size_t n);

#endif
