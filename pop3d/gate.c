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
	struct ipc_message message;
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
	struct ipc_message message;
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
gate_answer(int channel, struct children *children, uint64_t most)
{
	struct ipc_message message;
	char network[ADDRESS_TEXT_MAX];
	pid_t pid;
	int reply;

	if (ipc_receive_fds(channel, &message, &reply, 1) != 1)
		return;
	pid = (pid_t)ipc_get_number(&message);
	ipc_get_text(&message, network, sizeof(network));
	if (ipc_type(&message) == IPC_ADDRESS && ipc_end(&message)) {
		bool admitted = children_move(children, pid, network) &&
				children_from(children, network) <= most;
		ipc_begin(&message, IPC_ADMIT);
		ipc_put_number(&message, admitted ? 1 : 0);
		(void)ipc_send(reply, &message);
	}
	(void)close(reply);
}
