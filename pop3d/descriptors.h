/*
 * Which descriptors a process holds.
 */
#ifndef DESCRIPTORS_H
#define DESCRIPTORS_H

#include <stdbool.h>
#include <stddef.h>

/* Open /dev/null on those of 0, 1, 2 that are closed, so that no file lands there. */
bool descriptors_fill_standard(void);

/* Close every descriptor from `first` on. */
bool descriptors_close_from(int first);

/*
 * Move fds[i] to descriptor i for all i < n (n <= 128) and close everything else.  An
 * fds[i] of -1 becomes /dev/null; two may be the same.  The descriptors stay open over
 * exec.  False with errno: the process must exit.
 */
bool descriptors_arrange(const int *fds, size_t n);

/* Put /dev/null in the place of fd. */
bool descriptors_silence(int fd);

/* True if both are the same file or socket. */
bool descriptors_are_same(int a, int b);

#endif
