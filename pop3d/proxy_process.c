/*
 * The proxy process: reads one PROXY header and dies.
 *
 * uid and fences: as the front.  Holds: the client's stream, a channel to the monitor.
 * Must never: read an octet behind the header, write to the client.
 */
#include "pop3d/proxy_process.h"

#include <errno.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sysexits.h>
#include <unistd.h>

#include "pop3d/child.h"
#include "pop3d/clock.h"
#include "pop3d/confine.h"
#include "pop3d/descriptors.h"
#include "pop3d/ipc.h"
#include "pop3d/proxy_message.h"

#define CONTROL 3
#define DESCRIPTORS 4
#define GRACE_MS 500

/* The whole header, at the deadline or before; else an exit status. */
static int
read_header(struct stream *stream, enum proxy_versions versions, int64_t deadline,
	struct proxy_header *header)
{
	static unsigned char buf[PROXY_HEADER_MAX];
	size_t n = 0, wanted, got;
	enum proxy_status status;

	while ((status = proxy_parse(buf, n, versions, header, &wanted)) == PROXY_MORE) {
		if (clock_left(deadline) == 0 || wanted > sizeof(buf) - n)
			return EX_PROTOCOL;
		if (stream_read(stream, buf + n, wanted, deadline, &got) != STREAM_OK)
			return EX_NOINPUT;
		n += got;
	}
	return status == PROXY_WHOLE ? EX_OK : EX_PROTOCOL;
}

static _Noreturn void
run(struct connection *connection, enum proxy_versions versions, int control,
	pid_t monitor)
{
	const int fds[DESCRIPTORS] = {
		connection->stream.in, connection->stream.out, -1, control};
	const struct confinement confinement =
		service_confinement(connection->service, monitor, DESCRIPTORS);
	int64_t deadline = clock_after(connection->service->config->limits.proxy_seconds);
	static struct ipc_message message;
	struct proxy_header header;
	int status;

	(void)prctl(PR_SET_NAME, "pop3d-proxy", 0, 0, 0);
	if (!descriptors_arrange(fds, DESCRIPTORS))
		_exit(EX_OSERR);
	connection->stream.in = STDIN_FILENO;
	connection->stream.out = STDOUT_FILENO;
	config_forget_modules(connection->service->config);
	if (confine(&confinement) != NULL)
		_exit(EX_OSERR);
	status = read_header(&connection->stream, versions, deadline, &header);
	if (status != EX_OK)
		_exit(status);
	ipc_begin(&message, IPC_PROXY);
	proxy_message_put(&message, &header);
	_exit(ipc_send(CONTROL, &message) ? EX_OK : EX_IOERR);
}

/* NULL, or why there is no header. */
static const char *
await(struct connection *connection, int control)
{
	struct pollfd p = {.fd = control, .events = POLLIN};
	int64_t deadline =
		clock_after(connection->service->config->limits.proxy_seconds) + GRACE_MS;
	static struct ipc_message message;
	struct proxy_header header;
	int ready;

	do
		ready = poll(&p, 1, clock_left(deadline));
	while (ready < 0 && errno == EINTR);
	if (ready <= 0)
		return "proxy-timeout";
	if (ipc_receive(control, &message) != 1)
		return "proxy-header";
	if (ipc_type(&message) != IPC_PROXY || !proxy_message_get(&message, &header))
		return "protocol";
	connection_take_header(connection, &header);
	return NULL;
}

const char *
proxy_process_run(
	struct connection *connection, enum proxy_versions versions, bool *crashed)
{
	pid_t monitor = getpid(), pid;
	const char *wrong;
	int control[2];

	*crashed = false;
	if (!connection_is_trusted(connection))
		return "proxy-untrusted";
	if (!ipc_pair(control))
		return "proxy-process";
	pid = fork();
	if (pid == 0)
		run(connection, versions, control[1], monitor);
	(void)close(control[1]);
	wrong = pid < 0 ? "proxy-process" : await(connection, control[0]);
	(void)close(control[0]);
	if (pid > 0)
		*crashed = child_report("proxy", child_finish(pid));
	return wrong;
}
