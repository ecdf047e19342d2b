#include "pop3d/ipc_fds.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* Room for one control message, aligned as the kernel wants it. */
union control {
	struct cmsghdr header;
	unsigned char room[CMSG_SPACE(IPC_FDS_MAX * sizeof(int))];
};

bool
ipc_send_fds(int fd, struct ipc_message *message, const int *fds, size_t n)
{
	struct iovec part = {message->data, message->n};
	union control control = {.room = {0}};
	struct msghdr header = {.msg_iov = &part,
		.msg_iovlen = 1,
		.msg_control = control.room,
		.msg_controllen = CMSG_SPACE(n * sizeof(int))};
	struct cmsghdr *c = CMSG_FIRSTHDR(&header);
	ssize_t sent;

	if (message->bad || n > IPC_FDS_MAX || c == NULL)
		return false;
	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(n * sizeof(int));
	memcpy(CMSG_DATA(c), fds, n * sizeof(int));
	do
		sent = sendmsg(fd, &header, MSG_NOSIGNAL | MSG_DONTWAIT);
	while (sent < 0 && errno == EINTR);
	return sent == (ssize_t)message->n;
}

/* Take what came along into fds, and count it; more than fits is closed by the kernel. */
static size_t
take_fds(struct msghdr *header, int *fds)
{
	struct cmsghdr *c = CMSG_FIRSTHDR(header);
	size_t n;

	if (c == NULL || c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
		return 0;
	n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
	memcpy(fds, CMSG_DATA(c), n * sizeof(int));
	return n;
}

/* Take a message with `least` to `most` descriptors. */
static int
receive(int fd, struct ipc_message *message, int *fds, size_t least, size_t most,
	size_t *count)
{
	struct iovec part = {message->data, sizeof(message->data)};
	union control control;
	struct msghdr header = {.msg_iov = &part,
		.msg_iovlen = 1,
		.msg_control = control.room,
		.msg_controllen = sizeof(control.room)};
	int got[IPC_FDS_MAX];
	ssize_t length;

	/* A peer that ended with a message unread: as in ipc_receive(). */
	do
		length = recvmsg(fd, &header, MSG_CMSG_CLOEXEC);
	while (length < 0 && (errno == EINTR || errno == ECONNRESET));
	message->at = 1;
	message->bad = false;
	message->n = 0;
	if (length <= 0)
		return (int)length;
	*count = take_fds(&header, got);
	if ((header.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) != 0 || *count < least ||
		*count > most) {
		for (size_t i = 0; i < *count; i++)
			(void)close(got[i]);
		return -1;
	}
	memcpy(fds, got, *count * sizeof(int));
	message->n = (size_t)length;
	return 1;
}

int
ipc_receive_fds(int fd, struct ipc_message *message, int *fds, size_t n)
{
	size_t count;

	return receive(fd, message, fds, n, n, &count);
}

int
ipc_receive_some_fds(int fd, struct ipc_message *message, int *fds, size_t *n)
{
	return receive(fd, message, fds, 0, *n, n);
}
