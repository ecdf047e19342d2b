#include "pop3d/gate.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "pop3d/ipc_fds.h"

#define ANSWER_MS 2000 /* a listener that is busy for longer has other worries */

/* True if the listener says no; one that says nothing has let the connection in. */
static bool
is_refused(int fd)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};
	static struct ipc_message message;
	int ready;

	do
		ready = poll(&p, 1, ANSWER_MS);
	while (ready < 0 && errno == EINTR);
	return ready > 0 && ipc_receive(fd, &message) == 1 &&
	       ipc_type(&message) == IPC_ADMIT && ipc_get_number(&message) == 0 &&
	       ipc_end(&message);
}

bool
gate_ask(const struct connection *connection)
{
	int channel = connection->service->gate;
	static struct ipc_message message;
	bool refused;
	int pair[2];

	if (channel < 0)
		return true;
	if (!ipc_pair(pair))
		return false;
	ipc_begin(&message, IPC_ADDRESS);
	ipc_put_number(&message, (uint32_t)getpid());
	ipc_put_text(&message, connection->peer.network);
	refused = ipc_send_fds(channel, &message, &pair[1], 1);
	(void)close(pair[1]);
	refused = refused && is_refused(pair[0]);
	(void)close(pair[0]);
	return !refused;
}

void
gate_logged_in(const struct service *service)
{
	struct pollfd p = {.fd = service->gate, .events = POLLOUT};
	static struct ipc_message message;

	if (service->gate < 0)
		return;
	ipc_begin(&message, IPC_LOGGED_IN);
	ipc_put_number(&message, (uint32_t)getpid());
	/* Untold, the listener takes this for a client that has not logged in. */
	(void)poll(&p, 1, ANSWER_MS);
	(void)ipc_send(service->gate, &message);
}

static void
admit(struct children *children, struct ipc_message *message, int reply, uint64_t most)
{
	char network[ADDRESS_TEXT_MAX];
	pid_t pid = (pid_t)ipc_get_number(message);
	bool admitted;

	ipc_get_text(message, network, sizeof(network));
	if (!ipc_end(message))
		return;
	admitted = children_move(children, pid, network) &&
		   children_from(children, network) <= most;
	ipc_begin(message, IPC_ADMIT);
	ipc_put_number(message, admitted ? 1 : 0);
	(void)ipc_send(reply, message);
}

void
gate_answer(int channel, struct children *children, uint64_t most)
{
	static struct ipc_message message;
	size_t n = 1;
	int reply;
	pid_t pid;

	if (ipc_receive_some_fds(channel, &message, &reply, &n) != 1)
		return;
	if (ipc_type(&message) == IPC_ADDRESS && n == 1)
		admit(children, &message, reply, most);
	if (ipc_type(&message) == IPC_LOGGED_IN && n == 0) {
		pid = (pid_t)ipc_get_number(&message);
		if (ipc_end(&message))
			children_logged_in(children, pid);
	}
	if (n == 1)
		(void)close(reply);
}
