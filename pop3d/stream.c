#include "pop3d/stream.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "pop3d/clock.h"

#define SEND_FILE_STEP ((size_t)1 << 20)

void
stream_init(struct stream *stream, int in, int out)
{
	struct stat a, b;
	int on = 1;

	memset(stream, 0, sizeof(*stream));
	stream->in = in;
	stream->out = out;
	stream->socket = fstat(in, &a) == 0 && fstat(out, &b) == 0 &&
			 S_ISSOCK(a.st_mode) && S_ISSOCK(b.st_mode);
	/* Replies are buffered here; a socket that is not TCP refuses this, and may. */
	if (stream->socket)
		(void)setsockopt(out, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
}

/* False: tick() gave up. */
static bool
tick_if_due(struct stream *stream)
{
	if (stream->tick == NULL || clock_left(stream->tick_at) > 0)
		return true;
	stream->tick_at = clock_after(stream->tick_seconds);
	return stream->tick(stream->tick_cookie);
}

/* The deadline, or when the next tick is due. */
static int64_t
next_event(const struct stream *stream, int64_t deadline)
{
	if (stream->tick == NULL || stream->tick_at > deadline)
		return deadline;
	return stream->tick_at;
}

static enum stream_status
wait_for(struct stream *stream, int fd, short events, int64_t deadline)
{
	struct pollfd p = {.fd = fd, .events = events};

	for (;;) {
		if (!tick_if_due(stream))
			return STREAM_STOPPED;
		int64_t until = next_event(stream, deadline);
		int left = clock_left(until);
		struct timespec time = {left / 1000, (long)(left % 1000) * 1000000};
		int ready = ppoll(&p, 1, left < 0 ? NULL : &time, stream->wait_mask);

		if (stream->stop != NULL && *stream->stop)
			return STREAM_STOPPED;
		if (ready > 0)
			return (p.revents & POLLNVAL) != 0 ? STREAM_ERROR : STREAM_OK;
		if (ready == 0 && until == deadline)
			return STREAM_TIMEOUT;
		if (ready < 0 && errno != EINTR)
			return STREAM_ERROR;
	}
}

/* flags matter to sockets only; a pipe's reader cannot block after poll. */
static ssize_t
receive(const struct stream *stream, void *buf, size_t cap, int flags)
{
	if (stream->socket)
		return recv(stream->in, buf, cap, flags | MSG_DONTWAIT);
	return read(stream->in, buf, cap);
}

static bool
is_passing(int error)
{
	return error == EAGAIN || error == EWOULDBLOCK || error == EINTR;
}

static enum stream_status
read_some(struct stream *stream, void *buf, size_t cap, int flags, int64_t deadline,
	size_t *n)
{
	*n = 0;
	for (;;) {
		enum stream_status status =
			wait_for(stream, stream->in, POLLIN, deadline);
		if (status != STREAM_OK)
			return status;
		ssize_t got = receive(stream, buf, cap, flags);
		if (got > 0) {
			*n = (size_t)got;
			return STREAM_OK;
		}
		if (got == 0)
			return STREAM_EOF;
		if (!is_passing(errno))
			return STREAM_ERROR;
	}
}

enum stream_status
stream_read(struct stream *stream, void *buf, size_t cap, int64_t deadline, size_t *n)
{
	return read_some(stream, buf, cap, 0, deadline, n);
}

enum stream_status
stream_read_line_part(
	struct stream *stream, void *buf, size_t cap, int64_t deadline, size_t *n)
{
	enum stream_status status;
	const char *end;
	size_t seen;
	ssize_t got;

	/* A pipe cannot be peeked at; octet by octet is the only way not to read ahead.
	 */
	if (!stream->socket)
		return read_some(stream, buf, 1, 0, deadline, n);
	status = read_some(stream, buf, cap, MSG_PEEK, deadline, &seen);
	*n = 0;
	if (status != STREAM_OK)
		return status;
	end = memchr(buf, '\n', seen);
	cap = end != NULL ? (size_t)(end - (char *)buf) + 1 : seen;
	/* It is there, unless somebody else reads from this socket as well. */
	got = receive(stream, buf, cap, 0);
	if (got < 0 && is_passing(errno)) {
		status = read_some(stream, buf, cap, 0, deadline, n);
	} else {
		*n = got > 0 ? (size_t)got : 0;
		status = got > 0 ? STREAM_OK : got == 0 ? STREAM_EOF : STREAM_ERROR;
	}
	/* What stands behind the line is nobody's yet, and may be a password. */
	explicit_bzero((char *)buf + *n, seen - *n);
	return status;
}

static ssize_t
send_some(const struct stream *stream, const void *p, size_t n, bool more)
{
	if (stream->socket)
		return send(stream->out, p, n,
			MSG_DONTWAIT | MSG_NOSIGNAL | (more ? MSG_MORE : 0));
	/* A pipe that polls writable takes PIPE_BUF octets without blocking. */
	return write(stream->out, p, n < PIPE_BUF ? n : PIPE_BUF);
}

enum stream_status
stream_write(
	struct stream *stream, const void *p, size_t n, uint64_t stall_seconds, bool more)
{
	const char *at = p;
	/* A socket says by itself that it is full; most writes then need no poll. */
	bool wait = !stream->socket;

	while (n > 0) {
		if (wait) {
			enum stream_status status = wait_for(
				stream, stream->out, POLLOUT, clock_after(stall_seconds));
			if (status != STREAM_OK)
				return status;
		}
		ssize_t sent = send_some(stream, at, n, more);
		if (sent > 0) {
			at += sent;
			n -= (size_t)sent;
		} else if (sent < 0 && !is_passing(errno)) {
			return STREAM_ERROR;
		}
		wait = sent <= 0 || !stream->socket;
	}
	return STREAM_OK;
}

/* What sendfile() says of the file, not of the socket. */
static bool
is_of_file(int error)
{
	return error == EIO || error == ESTALE || error == EINVAL;
}

static enum stream_status
send_file(struct stream *stream, int fd, uint64_t n, uint64_t stall_seconds, off_t *at)
{
	while ((uint64_t)*at < n) {
		const uint64_t left = n - (uint64_t)*at;
		const size_t step = left < SEND_FILE_STEP ? (size_t)left : SEND_FILE_STEP;
		const ssize_t sent = sendfile(stream->out, fd, at, step);
		enum stream_status status = STREAM_OK;

		if (sent == 0 || (sent < 0 && is_of_file(errno)))
			return STREAM_EOF;
		if (sent < 0 && !is_passing(errno))
			return STREAM_ERROR;
		if (!tick_if_due(stream))
			return STREAM_STOPPED;
		/* There was no room for more. */
		if (sent < 0 || (size_t)sent < step)
			status = wait_for(
				stream, stream->out, POLLOUT, clock_after(stall_seconds));
		if (status != STREAM_OK)
			return status;
	}
	return STREAM_OK;
}

enum stream_status
stream_send_file(
	struct stream *stream, int fd, uint64_t n, uint64_t stall_seconds, uint64_t *sent)
{
	const int flags = fcntl(stream->out, F_GETFL);
	enum stream_status status;
	off_t at = 0;

	*sent = 0;
	/* Unlike send(), sendfile() has no flag of its own that says not to wait. */
	if (!stream->socket || flags == -1 ||
		fcntl(stream->out, F_SETFL, flags | O_NONBLOCK) != 0)
		return STREAM_ERROR;
	status = send_file(stream, fd, n, stall_seconds, &at);
	/* Whoever made the connection may share it. */
	(void)fcntl(stream->out, F_SETFL, flags);
	*sent = (uint64_t)at;
	return status;
}

bool
stream_has_input(const struct stream *stream)
{
	struct pollfd p = {.fd = stream->in, .events = POLLIN};

	return poll(&p, 1, 0) > 0;
}

void
stream_finish(struct stream *stream)
{
	int64_t deadline = clock_after(1);
	char discarded[4096];
	size_t n;

	if (!stream->socket || !stream_has_input(stream))
		return;
	if (shutdown(stream->out, SHUT_WR) != 0)
		return;
	while (clock_left(deadline) > 0 &&
		stream_read(stream, discarded, sizeof(discarded), deadline, &n) ==
			STREAM_OK)
		;
}
