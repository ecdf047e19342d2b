#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "pop3d/clock.h"
#include "pop3d/stream.h"
#include "tests/unit/tests.h"
#include "tests/unit/wire_fixture.h"

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

static void
test_init(void **state)
{
	struct wire wire;
	struct stream mixed;

	(void)state;
	wire_open(&wire, WIRE_SOCKET);
	assert_true(wire.stream.socket);
	assert_null(wire.stream.wait_mask);
	assert_null(wire.stream.stop);
	stream_init(&mixed, wire.stream.in, STDERR_FILENO);
	assert_false(mixed.socket);
	wire_close(&wire);
	wire_open(&wire, WIRE_PIPES);
	assert_false(wire.stream.socket);
	wire_close(&wire);
}

static void
run_read(struct wire *wire)
{
	char buf[8];
	size_t n = 99;

	assert_false(stream_has_input(&wire->stream));
	assert_int_equal(stream_read(&wire->stream, buf, sizeof(buf), clock_after(0), &n),
		STREAM_TIMEOUT);
	assert_int_equal(n, 0);
	wire_send(wire, "0123456789", 10);
	assert_true(stream_has_input(&wire->stream));
	/* What is not asked for stays where it is. */
	assert_int_equal(stream_read(&wire->stream, buf, 4, CLOCK_NEVER, &n), STREAM_OK);
	assert_int_equal(n, 4);
	assert_memory_equal(buf, "0123", 4);
	assert_int_equal(wire_unread(wire), 6);
	assert_int_equal(
		stream_read(&wire->stream, buf, sizeof(buf), CLOCK_NEVER, &n), STREAM_OK);
	assert_int_equal(n, 6);
	wire_hang_up(wire);
	assert_true(stream_has_input(&wire->stream));
	assert_int_equal(stream_read(&wire->stream, buf, sizeof(buf), CLOCK_NEVER, &n),
		STREAM_EOF);
	assert_int_equal(n, 0);
}

static void
test_read(void **state)
{
	(void)state;
	each_kind(run_read);
}

/* A deadline is kept: neither early nor much too late. */
static void
run_deadline(struct wire *wire)
{
	char c;
	size_t n;
	int64_t before = clock_now();

	assert_int_equal(
		stream_read(&wire->stream, &c, 1, before + 80, &n), STREAM_TIMEOUT);
	assert_true(clock_now() - before >= 80);
	assert_true(clock_now() - before < 5000);
}

static void
test_deadline(void **state)
{
	(void)state;
	each_kind(run_deadline);
}

/* All parts joined must be the text; no part goes behind its LF. */
static void
run_line_part(struct wire *wire)
{
	static const char text[] = "one\r\ntwo\n\nlast";
	char got[64], part[16] = "";
	size_t at = 0, n;

	wire_send(wire, text, sizeof(text) - 1);
	while (stream_read_line_part(&wire->stream, part, sizeof(part), clock_after(0),
		       &n) == STREAM_OK) {
		const char *end = memchr(part, '\n', n);

		assert_true(n > 0 && n <= sizeof(part));
		assert_true(end == NULL || end == part + n - 1);
		/* What was only looked at is not kept. */
		for (size_t i = n; i < sizeof(part); i++)
			assert_int_equal(part[i], 0);
		memcpy(got + at, part, n);
		memset(part, 0, n);
		at += n;
		assert_int_equal(wire_unread(wire), sizeof(text) - 1 - at);
	}
	assert_int_equal(at, sizeof(text) - 1);
	assert_memory_equal(got, text, at);
	/* A small buffer is filled, and no more. */
	wire_send(wire, "abcdef\n", 7);
	assert_int_equal(stream_read_line_part(&wire->stream, part, 3, CLOCK_NEVER, &n),
		STREAM_OK);
	assert_true(n >= 1 && n <= 3);
	assert_int_equal(wire_unread(wire), 7 - n);
	while (wire_unread(wire) > 0)
		assert_int_equal(
			stream_read_line_part(&wire->stream, part, 3, CLOCK_NEVER, &n),
			STREAM_OK);
	wire_hang_up(wire);
	assert_int_equal(stream_read_line_part(&wire->stream, part, 3, CLOCK_NEVER, &n),
		STREAM_EOF);
}

static void
test_line_part(void **state)
{
	(void)state;
	each_kind(run_line_part);
}

static volatile sig_atomic_t stop_asked;

static void
ask_stop(int signal_number)
{
	(void)signal_number;
	stop_asked = 1;
}

/* A signal that came long before is taken while waiting, and only then. */
static void
run_stopped(struct wire *wire)
{
	struct sigaction action = {.sa_handler = ask_stop}, before_action;
	sigset_t held, before, waiting;
	char c;
	size_t n;

	stop_asked = 0;
	assert_int_equal(sigemptyset(&held), 0);
	assert_int_equal(sigaddset(&held, SIGUSR1), 0);
	assert_int_equal(sigaction(SIGUSR1, &action, &before_action), 0);
	assert_int_equal(sigprocmask(SIG_BLOCK, &held, &before), 0);
	waiting = before;
	assert_int_equal(sigdelset(&waiting, SIGUSR1), 0);
	wire->stream.wait_mask = &waiting;
	wire->stream.stop = &stop_asked;
	assert_int_equal(raise(SIGUSR1), 0);
	assert_int_equal(stop_asked, 0);
	assert_int_equal(
		stream_read(&wire->stream, &c, 1, CLOCK_NEVER, &n), STREAM_STOPPED);
	assert_int_equal(stop_asked, 1);
	assert_int_equal(sigprocmask(SIG_SETMASK, &before, NULL), 0);
	assert_int_equal(sigaction(SIGUSR1, &before_action, NULL), 0);
}

static void
test_stopped(void **state)
{
	(void)state;
	each_kind(run_stopped);
}

/* A signal that stops nothing does not end the wait. */
static void
run_interrupted(struct wire *wire)
{
	struct sigaction action = {.sa_handler = ask_stop}, before_action;
	volatile sig_atomic_t stop = 0;
	char c;
	size_t n;
	pid_t self = getpid(), pid;
	int status;

	wire->stream.stop = &stop;
	assert_int_equal(sigaction(SIGUSR1, &action, &before_action), 0);
	pid = fork();
	if (pid == 0) {
		(void)usleep(50000);
		(void)kill(self, SIGUSR1);
		(void)usleep(50000);
		_exit(write(wire->to, "y", 1) == 1 ? 0 : 1);
	}
	assert_true(pid > 0);
	assert_int_equal(
		stream_read(&wire->stream, &c, 1, clock_after(10), &n), STREAM_OK);
	assert_int_equal(c, 'y');
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	assert_int_equal(sigaction(SIGUSR1, &before_action, NULL), 0);
}

static void
test_interrupted(void **state)
{
	(void)state;
	each_kind(run_interrupted);
}

static void
test_no_delay(void **state)
{
	struct wire wire;
	int on = 0;
	socklen_t n = sizeof(on);

	(void)state;
	wire_open(&wire, WIRE_TCP);
	assert_true(wire.stream.socket);
	assert_int_equal(
		getsockopt(wire.stream.out, IPPROTO_TCP, TCP_NODELAY, &on, &n), 0);
	assert_true(on != 0);
	wire_close(&wire);
}

/* A reset while reading is no orderly end. */
static void
test_reset(void **state)
{
	struct linger now = {.l_onoff = 1, .l_linger = 0};
	struct wire wire;
	char c;
	size_t n;

	(void)state;
	wire_open(&wire, WIRE_TCP);
	assert_int_equal(
		setsockopt(wire.to, SOL_SOCKET, SO_LINGER, &now, sizeof(now)), 0);
	assert_int_equal(close(wire.to), 0);
	assert_int_equal(
		stream_read(&wire.stream, &c, 1, clock_after(5), &n), STREAM_ERROR);
	assert_int_equal(close(wire.stream.in), 0);
}

struct ticks {
	unsigned count;
	unsigned stop_at; /* 0: never */
};

static bool
count_tick(void *cookie)
{
	struct ticks *ticks = cookie;

	return ++ticks->count != ticks->stop_at;
}

static void
set_ticks(struct stream *stream, struct ticks *ticks)
{
	stream->tick = count_tick;
	stream->tick_cookie = ticks;
	stream->tick_seconds = 1;
	stream->tick_at = clock_after(1);
}

/* The deadline holds, and what is done meanwhile is done. */
static void
test_tick(void **state)
{
	struct ticks ticks = {0};
	struct wire wire;
	char buf[8];
	size_t n;

	(void)state;
	wire_open(&wire, WIRE_SOCKET);
	set_ticks(&wire.stream, &ticks);
	assert_int_equal(stream_read(&wire.stream, buf, sizeof(buf), clock_after(0), &n),
		STREAM_TIMEOUT);
	assert_int_equal(ticks.count, 0);
	const int64_t start = clock_now();
	assert_int_equal(stream_read(&wire.stream, buf, sizeof(buf), start + 2500, &n),
		STREAM_TIMEOUT);
	assert_true(clock_now() - start >= 2500);
	assert_true(ticks.count == 1 || ticks.count == 2);
	/* One that is overdue is done though nobody has to wait. */
	wire.stream.tick_at = clock_now() - 1;
	ticks.count = 0;
	wire_send(&wire, "x", 1);
	assert_int_equal(stream_read(&wire.stream, buf, sizeof(buf), clock_after(5), &n),
		STREAM_OK);
	assert_int_equal(ticks.count, 1);
	wire_close(&wire);
}

static void
test_tick_stops(void **state)
{
	struct ticks ticks = {.stop_at = 2};
	struct wire wire;
	char buf[8];
	size_t n;

	(void)state;
	wire_open(&wire, WIRE_SOCKET);
	set_ticks(&wire.stream, &ticks);
	assert_int_equal(stream_read(&wire.stream, buf, sizeof(buf), CLOCK_NEVER, &n),
		STREAM_STOPPED);
	assert_int_equal(ticks.count, 2);
	wire_close(&wire);
}

int
test_stream(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_init),
		cmocka_unit_test(test_read),
		cmocka_unit_test(test_deadline),
		cmocka_unit_test(test_line_part),
		cmocka_unit_test(test_stopped),
		cmocka_unit_test(test_interrupted),
		cmocka_unit_test(test_no_delay),
		cmocka_unit_test(test_reset),
		cmocka_unit_test(test_tick),
		cmocka_unit_test(test_tick_stops),
	};

	return cmocka_run_group_tests_name("stream", tests, NULL, NULL);
}
