#include "pop3d/ipc.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

bool
ipc_pair(int fds[2])
{
	return socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds) == 0;
}

void
ipc_wipe(struct ipc_message *message)
{
	explicit_bzero(message->data, message->n);
}

void
ipc_begin(struct ipc_message *message, enum ipc_type type)
{
	message->data[0] = (unsigned char)type;
	message->n = 1;
	message->at = 1;
	message->bad = false;
}

static void
put(struct ipc_message *message, const void *p, size_t n)
{
	if (message->bad || n > sizeof(message->data) - message->n) {
		message->bad = true;
		return;
	}
	if (n > 0)
		memcpy(message->data + message->n, p, n);
	message->n += n;
}

void
ipc_put_number(struct ipc_message *message, uint32_t value)
{
	/* Both ends run on one machine: the order of octets is its own. */
	put(message, &value, sizeof(value));
}

void
ipc_put_bytes(struct ipc_message *message, const void *p, size_t n)
{
	if (n > sizeof(message->data)) {
		message->bad = true;
		return;
	}
	ipc_put_number(message, (uint32_t)n);
	put(message, p, n);
}

void
ipc_put_text(struct ipc_message *message, const char *text)
{
	ipc_put_bytes(message, text, strlen(text));
}

bool
ipc_send(int fd, struct ipc_message *message)
{
	ssize_t sent;

	if (message->bad)
		return false;
	do
		sent = send(fd, message->data, message->n, MSG_NOSIGNAL | MSG_DONTWAIT);
	while (sent < 0 && errno == EINTR);
	return sent == (ssize_t)message->n;
}

static int
receive(int fd, struct ipc_message *message, int flags)
{
	ssize_t n;

	/*
	 * MSG_TRUNC: the true length, so that a cut message is seen.  A peer that ended
	 * with a message unread resets the connection, which is told once, before what it
	 * said last.
	 */
	do
		n = recv(fd, message->data, sizeof(message->data), MSG_TRUNC | flags);
	while (n < 0 && (errno == EINTR || errno == ECONNRESET));
	message->at = 1;
	message->bad = false;
	message->n = 0;
	if (n <= 0)
		return (int)n;
	if ((size_t)n > sizeof(message->data))
		return -1;
	message->n = (size_t)n;
	return 1;
}

int
ipc_receive(int fd, struct ipc_message *message)
{
	return receive(fd, message, 0);
}

int
ipc_peek(int fd, struct ipc_message *message)
{
	return receive(fd, message, MSG_PEEK);
}

unsigned
ipc_type(const struct ipc_message *message)
{
	return message->data[0];
}

static const unsigned char *
take(struct ipc_message *message, size_t n)
{
	const unsigned char *p = message->data + message->at;

	if (message->bad || n > message->n - message->at) {
		message->bad = true;
		return NULL;
	}
	message->at += n;
	return p;
}

uint32_t
ipc_get_number(struct ipc_message *message)
{
	uint32_t value = 0;
	const unsigned char *p = take(message, sizeof(value));

	if (p != NULL)
		memcpy(&value, p, sizeof(value));
	return value;
}

const unsigned char *
ipc_get_bytes(struct ipc_message *message, size_t *n)
{
	size_t length = ipc_get_number(message);
	const unsigned char *p = take(message, length);

	*n = p != NULL ? length : 0;
	return p;
}

void
ipc_get_text(struct ipc_message *message, char *buf, size_t size)
{
	size_t n;
	const unsigned char *p = ipc_get_bytes(message, &n);

	buf[0] = '\0';
	if (p == NULL)
		return;
	if (n >= size || memchr(p, '\0', n) != NULL) {
		message->bad = true;
		return;
	}
	memcpy(buf, p, n);
	buf[n] = '\0';
}

bool
ipc_end(const struct ipc_message *message)
{
	return !message->bad && message->at == message->n;
}
