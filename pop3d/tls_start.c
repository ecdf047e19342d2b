#include "pop3d/tls_start.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "pop3d/child.h"
#include "pop3d/clock.h"
#include "pop3d/ipc_fds.h"
#include "pop3d/log.h"
#include "pop3d/tls/setup.h"
#include "pop3d/tls_program.h"

#define GRACE_MS 1000 /* for a relay to say by itself that the time is over */

/* False if there is no resident one, or if it does not take the request at once. */
static bool
ask_resident(const struct connection *connection, int control, int inner)
{
	const struct stream *stream = &connection->stream;
	const int fds[IPC_FDS_MAX] = {stream->in, stream->out, control, inner};
	int channel = connection->service->relays;
	static struct ipc_message message;

	if (channel < 0)
		return false;
	ipc_begin(&message, IPC_RELAY);
	return ipc_send_fds(channel, &message, fds, IPC_FDS_MAX);
}

static bool
find_relay(const struct connection *connection, struct tls_start *start, int control,
	int inner)
{
	const struct stream *stream = &connection->stream;

	start->relay = 0;
	if (ask_resident(connection, control, inner))
		return true;
	start->relay = tls_program_relay(
		connection->service, stream->in, stream->out, control, inner);
	if (start->relay > 0)
		return true;
	(void)snprintf(
		start->detail, sizeof(start->detail), "no relay: %s", strerror(errno));
	start->relay = 0;
	return false;
}

/* A certificate that nobody was asked for is a relay's invention. */
static bool
is_possible(const struct connection *connection)
{
	return !connection->info.certificate.verified ||
	       connection->service->config->tls.client_certificate != TLS_CLIENT_NONE;
}

/* Take the relay's answer, which is not believed beyond its form. */
static bool
take_answer(struct connection *connection, struct tls_start *start, int control)
{
	static struct ipc_message message;
	int got = ipc_receive(control, &message);

	if (got == 1 && ipc_type(&message) == IPC_TLS_UP &&
		tls_info_get(&message, &connection->info) && ipc_end(&message) &&
		is_possible(connection))
		return true;
	memset(&connection->info, 0, sizeof(connection->info));
	if (got == 1 && ipc_type(&message) == IPC_TLS_DOWN) {
		ipc_get_text(&message, start->detail, sizeof(start->detail));
		if (ipc_end(&message))
			return false;
	}
	(void)snprintf(start->detail, sizeof(start->detail), "the relay %s",
		got == 1 ? "broke the protocol" : "died");
	return false;
}

static bool
await(struct connection *connection, struct tls_start *start, int control)
{
	struct pollfd p = {.fd = control, .events = POLLIN};
	int64_t deadline =
		clock_after(connection->service->config->limits.handshake_seconds) +
		GRACE_MS;
	int ready;

	if (deadline > connection->login_deadline)
		deadline = connection->login_deadline;
	do
		ready = poll(&p, 1, clock_left(deadline));
	while (ready < 0 && errno == EINTR);
	if (ready > 0)
		return take_answer(connection, start, control);
	(void)snprintf(start->detail, sizeof(start->detail), "timeout");
	return false;
}

/* Every copy must go: the relay alone decides when the network connection ends. */
static bool
move_inside(struct connection *connection, int inner)
{
	if (dup2(inner, STDIN_FILENO) < 0 || dup2(inner, STDOUT_FILENO) < 0)
		return false;
	(void)close(inner);
	stream_init(&connection->stream, STDIN_FILENO, STDOUT_FILENO);
	connection->tls = true;
	connection_settle(connection);
	return true;
}

bool
tls_start(struct connection *connection, struct tls_start *start)
{
	int inner[2], control[2];
	bool up = false;

	memset(start, 0, sizeof(*start));
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, inner) != 0 ||
		!ipc_pair(control)) {
		(void)snprintf(
			start->detail, sizeof(start->detail), "%s", strerror(errno));
		return false;
	}
	if (find_relay(connection, start, control[1], inner[1])) {
		(void)close(control[1]);
		(void)close(inner[1]);
		up = await(connection, start, control[0]) &&
		     move_inside(connection, inner[0]);
	}
	(void)close(control[0]);
	if (up)
		return true;
	(void)close(inner[0]);
	/* A relay of our own ends by itself when it sees this, or is ended. */
	if (start->relay > 0 && child_report("tls", child_finish(start->relay)))
		start->crashed = true;
	return false;
}
