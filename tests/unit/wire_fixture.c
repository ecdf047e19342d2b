#include "tests/unit/wire_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

/* A connection over the loopback interface, the accepting end first. */
static void
connect_tcp(int fds[2])
{
	struct sockaddr_in in = {
		.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t n = sizeof(in);
	int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_true(listener >= 0);
	assert_int_equal(bind(listener, (struct sockaddr *)&in, n), 0);
	assert_int_equal(listen(listener, 1), 0);
	assert_int_equal(getsockname(listener, (struct sockaddr *)&in, &n), 0);
	fds[1] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_true(fds[1] >= 0);
	assert_int_equal(connect(fds[1], (struct sockaddr *)&in, n), 0);
	fds[0] = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	assert_true(fds[0] >= 0);
	assert_int_equal(close(listener), 0);
}

void
wire_open(struct wire *wire, enum wire_kind kind)
{
	int a[2], b[2];

	if (kind != WIRE_PIPES) {
		if (kind == WIRE_TCP)
			connect_tcp(a);
		else
			assert_int_equal(
				socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, a), 0);
		stream_init(&wire->stream, a[0], a[0]);
		wire->to = a[1];
		wire->from = a[1];
		return;
	}
	assert_int_equal(pipe2(a, O_CLOEXEC), 0);
	assert_int_equal(pipe2(b, O_CLOEXEC), 0);
	/* As much as a socket holds. */
	assert_true(fcntl(a[1], F_SETPIPE_SZ, 262144) >= 262144);
	stream_init(&wire->stream, a[0], b[1]);
	wire->to = a[1];
	wire->from = b[0];
}

void
wire_close(struct wire *wire)
{
	assert_int_equal(close(wire->stream.in), 0);
	if (wire->stream.out != wire->stream.in)
		assert_int_equal(close(wire->stream.out), 0);
	if (wire->to >= 0 && wire->to != wire->from)
		assert_int_equal(close(wire->to), 0);
	assert_int_equal(close(wire->from), 0);
}

void
wire_send(struct wire *wire, const void *p, size_t n)
{
	assert_int_equal(write(wire->to, p, n), n);
}

void
wire_hang_up(struct wire *wire)
{
	if (wire->to == wire->from)
		assert_int_equal(shutdown(wire->to, SHUT_WR), 0);
	else
		assert_int_equal(close(wire->to), 0);
	wire->to = -1;
}

static size_t
waiting_in(int fd)
{
	int n = 0;

	assert_int_equal(ioctl(fd, FIONREAD, &n), 0);
	assert_true(n >= 0);
	return (size_t)n;
}

size_t
wire_unread(const struct wire *wire)
{
	return waiting_in(wire->stream.in);
}

size_t
wire_take(struct wire *wire, void *buf, size_t cap)
{
	size_t n = 0;

	while (n < cap && waiting_in(wire->from) > 0) {
		ssize_t got = read(wire->from, (char *)buf + n, cap - n);

		assert_true(got > 0);
		n += (size_t)got;
	}
	return n;
}

void
wire_expect(struct wire *wire, const char *text)
{
	char buf[65536];
	size_t n = wire_take(wire, buf, sizeof(buf) - 1);

	buf[n] = '\0';
	assert_string_equal(buf, text);
	assert_int_equal(n, strlen(text));
}
