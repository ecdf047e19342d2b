/*
 * The seccomp filter by which intercept.c gets hold of system calls.
 */
#ifndef INTERCEPT_FILTER_H
#define INTERCEPT_FILTER_H

#include <stdbool.h>

/*
 * Have every file system call and every prctl(PR_SET_NAME) of this process and of those
 * it will start wait for an answer.  Returns the descriptor on which they are handed
 * over, -1 with errno if that cannot be.
 */
int filter_install(void);

/* Send a descriptor over a socket, or take one from it.  False with errno. */
bool filter_pass(int sock, int *fd, bool send);

#endif
