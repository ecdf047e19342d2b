/*
 * Turns: no more than so many costly computations at once on this host, whoever asks for
 * them.  The others queue.
 *
 * A turn is a lock of the kernel on one octet of a file in the run directory; the file
 * stays empty.  A process that dies, however, gives back what it has; one that waits
 * stands in a queue, first come, first served.
 */
#ifndef TURNS_H
#define TURNS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct turns {
	int fd;        /* -1: there is no queue, and every turn comes at once */
	uint64_t most; /* turns at once, 1 to TURNS_MAX */
	off_t held;    /* where the turn that this process has is, 0: it has none */
};

#define TURNS_MAX 1000u

/*
 * Open the queue in a directory, making what is missing, while privileges last.  most 0:
 * there is none.  Returns NULL, or a constant text that says why there is none; the other
 * functions may be called all the same.
 */
const char *turns_open(struct turns *turns, const char *directory, uint64_t most);

/*
 * Wait for a turn among those of one name, until a deadline of clock.h; nothing if this
 * process has one.  False: none came.  Uses SIGALRM and its timer while it waits.
 */
bool turns_wait(struct turns *turns, const char *name, int64_t deadline);

/* Give the turn back, if there is one. */
void turns_end(struct turns *turns);

#endif
