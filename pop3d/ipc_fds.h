/*
 * Messages that carry descriptors.  Only the monitor and the resident pop3d-tls send
 * them; who takes them has their privileges, or is the key process.
 */
#ifndef IPC_FDS_H
#define IPC_FDS_H

#include "pop3d/ipc.h"

#define IPC_FDS_MAX 4u

/* As ipc_send(), with n descriptors, which stay the sender's as well. */
bool ipc_send_fds(int fd, struct ipc_message *message, const int *fds, size_t n);

/*
 * As ipc_receive(), but for a message with exactly n descriptors: they are close-on-exec
 * and the caller's.  -1, with nothing to close, if there are more or fewer.
 */
int ipc_receive_fds(int fd, struct ipc_message *message, int *fds, size_t n);

/* The same with at most *n descriptors; *n is how many there were. */
int ipc_receive_some_fds(int fd, struct ipc_message *message, int *fds, size_t *n);

#endif
