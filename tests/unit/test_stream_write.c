#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "pop3d/clock.h"
#include "pop3d/stream.h"
#include "tests/unit/tests.h"
#include "tests/unit/wire_fixture.h"

#define LARGE 1000000u

static void
each_kind(void (*run)(struct wire *wire))
{
	for (unsigned kind = 0; kind < WIRE_KINDS; kind++) {
		struct wire wire;

		wire_open(&wire, (enum wire_kind)kind);
		run(&wire);
		wire_close(&wire);
	}
}

static unsigned char
letter(size_t i)
{
	return (unsigned char)(i * 7 + i / 251);
}

/* The other end, in a child: exits with 0 if it got all of it in order. */
static _Noreturn void
read_all(const struct wire *wire)
{
	unsigned char buf[3000];
	size_t at = 0;
	ssize_t got;

	(void)close(wire->stream.in);
	if (wire->stream.out != wire->stream.in)
		(void)close(wire->stream.out);
	while ((got = read(wire->from, buf, sizeof(buf))) > 0)
		for (ssize_t i = 0; i < got; i++)
			if (buf[i] != letter(at++))
				_exit(1);
	_exit(got == 0 && at == LARGE ? 0 : 2);
}

/* Far more than the kernel buffers, to a reader that takes its time. */
static void
test_write_large(void **state)
{
	unsigned char *text = malloc(LARGE);

	(void)state;
	assert_non_null(text);
	for (size_t i = 0; i < LARGE; i++)
		text[i] = letter(i);
	for (unsigned kind = 0; kind < WIRE_KINDS; kind++) {
		struct wire wire;
		int status;
		pid_t pid;

		wire_open(&wire, (enum wire_kind)kind);
		pid = fork();
		if (pid == 0)
			read_all(&wire);
		assert_true(pid > 0);
		assert_int_equal(
			stream_write(&wire.stream, text, LARGE / 2, 10, true), STREAM_OK);
		assert_int_equal(stream_write(&wire.stream, text + LARGE / 2,
					 LARGE - LARGE / 2, 10, false),
			STREAM_OK);
		wire_close(&wire);
		assert_int_equal(waitpid(pid, &status, 0), pid);
		assert_int_equal(status, 0);
	}
	free(text);
}

/* Nobody reads. */
static void
run_stall(struct wire *wire)
{
	char *text = calloc(1, LARGE);
	int64_t before = clock_now();

	assert_non_null(text);
	assert_int_equal(
		stream_write(&wire->stream, text, LARGE, 1, false), STREAM_TIMEOUT);
	assert_true(clock_now() - before >= 1000);
	assert_true(clock_now() - before < 10000);
	assert_int_equal(
		stream_write(&wire->stream, text, LARGE, 0, false), STREAM_TIMEOUT);
	free(text);
}

static void
test_stall(void **state)
{
	(void)state;
	each_kind(run_stall);
}

static void
run_write_small(struct wire *wire)
{
	assert_int_equal(stream_write(&wire->stream, "+OK\r\n", 5, 0, false), STREAM_OK);
	assert_int_equal(stream_write(&wire->stream, "", 0, 0, false), STREAM_OK);
	assert_int_equal(stream_write(&wire->stream, "a", 1, 0, true), STREAM_OK);
	assert_int_equal(stream_write(&wire->stream, "b", 1, 0, false), STREAM_OK);
	wire_expect(wire, "+OK\r\nab");
}

static void
test_write_small(void **state)
{
	(void)state;
	each_kind(run_write_small);
}

/* The reader is gone: an error, and no signal from a socket. */
static void
test_write_gone(void **state)
{
	(void)state;
	for (unsigned kind = 0; kind < WIRE_KINDS; kind++) {
		struct wire wire;
		void (*before)(int) = SIG_DFL;

		wire_open(&wire, (enum wire_kind)kind);
		assert_int_equal(close(wire.from), 0);
		if (kind == WIRE_PIPES)
			before = signal(SIGPIPE, SIG_IGN);
		assert_int_equal(
			stream_write(&wire.stream, "x", 1, 1, false), STREAM_ERROR);
		(void)signal(SIGPIPE, before);
		wire.from = dup(STDERR_FILENO);
		if (kind == WIRE_SOCKET)
			wire.to = -1;
		wire_close(&wire);
	}
}

/* The last reply arrives, although the client had sent what nobody read. */
static void
test_finish(void **state)
{
	struct wire wire;
	char buf[64];

	(void)state;
	wire_open(&wire, WIRE_TCP);
	wire_send(&wire, "QUIT\r\nNOOP\r\n", 12);
	wire_hang_up(&wire);
	assert_int_equal(
		stream_write(&wire.stream, "+OK Bye\r\n", 9, 1, false), STREAM_OK);
	stream_finish(&wire.stream);
	assert_int_equal(close(wire.stream.in), 0);
	assert_int_equal(read(wire.from, buf, sizeof(buf)), 9);
	assert_int_equal(read(wire.from, buf, sizeof(buf)), 0);
	assert_int_equal(close(wire.from), 0);
}

/* A client that does not stop sending holds nobody up. */
static void
test_finish_endless(void **state)
{
	struct wire wire;
	int64_t before = clock_now();
	int status;
	pid_t pid;

	(void)state;
	wire_open(&wire, WIRE_SOCKET);
	wire_send(&wire, "x", 1);
	pid = fork();
	if (pid == 0) {
		(void)signal(SIGPIPE, SIG_IGN);
		(void)close(wire.stream.in);
		while (write(wire.to, "xxxxxxxx", 8) == 8)
			(void)usleep(1000);
		_exit(errno == EPIPE || errno == ECONNRESET ? 0 : 1);
	}
	assert_true(pid > 0);
	stream_finish(&wire.stream);
	assert_true(clock_now() - before < 5000);
	wire_close(&wire);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

static void
run_finish_quiet(struct wire *wire)
{
	int64_t before = clock_now();

	stream_finish(&wire->stream);
	assert_true(clock_now() - before < 900);
}

/* Without unread input there is nothing to wait for. */
static void
test_finish_quiet(void **state)
{
	(void)state;
	each_kind(run_finish_quiet);
}

/* An unnamed file that read_all() is content with, less what is cut off. */
static int
letter_file(size_t n)
{
	unsigned char *text = malloc(LARGE);
	const int fd = memfd_create("letters", MFD_CLOEXEC);

	assert_non_null(text);
	assert_true(fd >= 0);
	for (size_t i = 0; i < n; i++)
		text[i] = letter(i);
	assert_int_equal(write(fd, text, n), n);
	free(text);
	return fd;
}

static void
test_send_file(void **state)
{
	static const enum wire_kind kinds[] = {WIRE_SOCKET, WIRE_TCP};
	const int fd = letter_file(LARGE);

	(void)state;
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		struct wire wire;
		uint64_t sent;
		int status;
		pid_t pid;

		wire_open(&wire, kinds[i]);
		pid = fork();
		if (pid == 0)
			read_all(&wire);
		assert_true(pid > 0);
		assert_int_equal(
			stream_send_file(&wire.stream, fd, LARGE, 10, &sent), STREAM_OK);
		assert_int_equal(sent, LARGE);
		/* What it needs for itself is not left behind. */
		assert_int_equal(fcntl(wire.stream.out, F_GETFL) & O_NONBLOCK, 0);
		wire_close(&wire);
		assert_int_equal(waitpid(pid, &status, 0), pid);
		assert_int_equal(status, 0);
	}
	(void)close(fd);
}

/* No more of it than was asked for, and not for ever if there is less. */
static void
test_send_file_ends(void **state)
{
	const int fd = letter_file(10);
	unsigned char buf[20];
	struct wire wire;
	uint64_t sent;

	(void)state;
	wire_open(&wire, WIRE_SOCKET);
	assert_int_equal(stream_send_file(&wire.stream, fd, 7, 1, &sent), STREAM_OK);
	assert_int_equal(wire_take(&wire, buf, sizeof(buf)), 7);
	assert_int_equal(stream_send_file(&wire.stream, fd, 11, 1, &sent), STREAM_EOF);
	assert_int_equal(sent, 10);
	assert_int_equal(wire_take(&wire, buf, sizeof(buf)), 10);
	assert_int_equal(stream_send_file(&wire.stream, fd, 0, 1, &sent), STREAM_OK);
	assert_int_equal(ftruncate(fd, 0), 0);
	assert_int_equal(stream_send_file(&wire.stream, fd, 1, 1, &sent), STREAM_EOF);
	assert_int_equal(sent, 0);
	wire_close(&wire);
	wire_open(&wire, WIRE_PIPES);
	assert_int_equal(stream_send_file(&wire.stream, fd, 1, 1, &sent), STREAM_ERROR);
	wire_close(&wire);
	(void)close(fd);
}

static bool
count_tick(void *cookie)
{
	return ++*(unsigned *)cookie < 3;
}

/* Nobody reads: the deadline and the ticks are kept. */
static void
test_send_file_stall(void **state)
{
	const int fd = letter_file(LARGE);
	int64_t before = clock_now();
	unsigned ticks = 0;
	struct wire wire;
	uint64_t sent;

	(void)state;
	wire_open(&wire, WIRE_SOCKET);
	assert_int_equal(
		stream_send_file(&wire.stream, fd, LARGE, 1, &sent), STREAM_TIMEOUT);
	assert_true(clock_now() - before >= 1000);
	assert_true(clock_now() - before < 5000);
	assert_in_range(sent, 1, LARGE - 1);
	wire.stream.tick = count_tick;
	wire.stream.tick_cookie = &ticks;
	wire.stream.tick_seconds = 0;
	assert_int_equal(
		stream_send_file(&wire.stream, fd, LARGE, 10, &sent), STREAM_STOPPED);
	assert_int_equal(ticks, 3);
	wire_close(&wire);
	(void)close(fd);
}

static void
test_send_file_gone(void **state)
{
	const int fd = letter_file(LARGE);
	void (*before)(int) = signal(SIGPIPE, SIG_IGN);
	struct wire wire;
	uint64_t sent;

	(void)state;
	wire_open(&wire, WIRE_SOCKET);
	assert_int_equal(close(wire.from), 0);
	assert_int_equal(
		stream_send_file(&wire.stream, fd, LARGE, 1, &sent), STREAM_ERROR);
	wire.from = dup(STDERR_FILENO);
	wire.to = -1;
	wire_close(&wire);
	(void)signal(SIGPIPE, before);
	(void)close(fd);
}

int
test_stream_write(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_write_large),
		cmocka_unit_test(test_stall),
		cmocka_unit_test(test_write_small),
		cmocka_unit_test(test_write_gone),
		cmocka_unit_test(test_send_file),
		cmocka_unit_test(test_send_file_ends),
		cmocka_unit_test(test_send_file_stall),
		cmocka_unit_test(test_send_file_gone),
		cmocka_unit_test(test_finish),
		cmocka_unit_test(test_finish_endless),
		cmocka_unit_test(test_finish_quiet),
	};

	return cmocka_run_group_tests_name("stream_write", tests, NULL, NULL);
}
