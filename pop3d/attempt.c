#include "pop3d/attempt.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "pop3d/authenticator.h"
#include "pop3d/child.h"
#include "pop3d/clock.h"
#include "pop3d/identity.h"

static pid_t
start_auth(const struct attempt *attempt, int verdict_fds[2])
{
	pid_t monitor = getpid(), pid;

	if (!ipc_pair(verdict_fds))
		return -1;
	pid = fork();
	if (pid == 0) {
		const struct authenticator a = {
			.connection = attempt->connection,
			.mechanism = attempt->mechanism,
			.attempt = attempt->number,
			.credentials = attempt->credentials,
			.verdict = verdict_fds[1],
			.monitor = monitor,
		};
		(void)close(verdict_fds[0]);
		(void)close(attempt->control);
		authenticator_run(&a);
	}
	(void)close(verdict_fds[1]);
	if (pid < 0)
		(void)close(verdict_fds[0]);
	return pid;
}

/* Whatever the front says while an attempt runs breaks the protocol. */
static enum attempt_status
await(const struct attempt *attempt, int verdict_fd, int64_t deadline,
	struct verdict *verdict)
{
	struct ipc_message message;
	struct pollfd p[2] = {{.fd = attempt->control, .events = POLLIN},
		{.fd = verdict_fd, .events = POLLIN}};

	for (;;) {
		int ready = poll(p, verdict_fd >= 0 ? 2 : 1, clock_left(deadline));
		if (ready < 0 && errno == EINTR)
			continue;
		if (ready < 0 || p[0].revents != 0)
			return ATTEMPT_ABANDONED;
		if (ready > 0 && p[1].revents != 0 &&
			(ipc_receive(verdict_fd, &message) != 1 ||
				!verdict_read(&message, verdict)))
			memset(verdict, 0, sizeof(*verdict));
		return ATTEMPT_DONE;
	}
}

/* A right proof opens nothing yet: whose mail it is for is the module's word only. */
static void
check_identity(const struct attempt *attempt, struct verdict *verdict)
{
	const char *wrong;

	if (verdict->result != RESULT_OK)
		return;
	wrong = identity_complete(attempt->connection->service, &verdict->out.identity);
	if (wrong == NULL)
		return;
	log_message(LOG_ERR, "user %s: %s", verdict->claimed, wrong);
	verdict->result = RESULT_REFUSED;
}

enum attempt_status
attempt_run(struct attempt *attempt, struct verdict *verdict)
{
	uint64_t timeout = attempt->connection->service->config->auth.timeout;
	int64_t deadline = clock_after(timeout);
	int verdict_fds[2];
	enum attempt_status status;
	pid_t pid;

	memset(verdict, 0, sizeof(*verdict));
	verdict->result = RESULT_TEMPFAIL;
	pid = start_auth(attempt, verdict_fds);
	if (pid < 0) {
		log_message(LOG_ERR, "no auth process: %s", strerror(errno));
		return ATTEMPT_DONE;
	}
	status = await(attempt, verdict_fds[0], deadline, verdict);
	check_identity(attempt, verdict);
	attempt->keeper = -1;
	/* A keeper ends by itself when this channel is closed, and may take its time. */
	if (status == ATTEMPT_DONE && verdict->out.hold != 0) {
		if (verdict->result == RESULT_OK)
			attempt->keeper = verdict_fds[0];
		else
			(void)close(verdict_fds[0]);
		return status;
	}
	(void)close(verdict_fds[0]);
	if (clock_left(deadline) == 0)
		log_message(LOG_ERR, "the auth process gave no answer in time");
	/* One that gave no verdict has died, or must; one that did is exiting. */
	if (status == ATTEMPT_DONE && clock_left(deadline) > 0)
		attempt->crashed = child_report("auth", child_finish(pid));
	else
		(void)child_end(pid);
	return status;
}

enum attempt_status
attempt_delay(const struct attempt *attempt, int64_t deadline)
{
	struct verdict ignored;

	return await(attempt, -1, deadline, &ignored);
}
