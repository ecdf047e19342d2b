#include "pop3d/attempt.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
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

/*
 * Wait for a verdict, or for the end of the process that should give it: what it left
 * behind may hold the channel open.  A descriptor of -1 is not waited for.  Whatever the
 * front says while an attempt runs breaks the protocol.
 */
static enum attempt_status
await(const struct attempt *attempt, int verdict_fd, int process, int64_t deadline,
	bool *in_time)
{
	struct pollfd p[3] = {{.fd = attempt->control, .events = POLLIN},
		{.fd = verdict_fd, .events = POLLIN}, {.fd = process, .events = POLLIN}};

	for (;;) {
		int ready = poll(p, 3, clock_left(deadline));
		if (ready < 0 && errno == EINTR)
			continue;
		if (ready < 0 || p[0].revents != 0)
			return ATTEMPT_ABANDONED;
		*in_time = ready > 0;
		return ATTEMPT_DONE;
	}
}

/* Never waits: a verdict that was given is there. */
static bool
take_verdict(int verdict_fd, struct verdict *verdict)
{
	struct pollfd p = {.fd = verdict_fd, .events = POLLIN};
	struct ipc_message message;

	if (poll(&p, 1, 0) == 1 && ipc_receive(verdict_fd, &message) == 1 &&
		verdict_read(&message, verdict))
		return true;
	memset(verdict, 0, sizeof(*verdict));
	return false;
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

/* One that gave no verdict has died, or must; one that did is exiting. */
static void
end_auth(struct attempt *attempt, pid_t pid, bool in_time, bool answered)
{
	int status = in_time ? child_finish_group(pid) : child_end_group(pid);

	if (!in_time)
		return;
	attempt->crashed = child_report("auth", status);
	if (!answered && WIFEXITED(status))
		log_message(LOG_ERR, "the auth process gave no verdict, exit status %d",
			WEXITSTATUS(status));
}

enum attempt_status
attempt_run(struct attempt *attempt, struct verdict *verdict)
{
	uint64_t timeout = attempt->connection->service->config->auth.timeout;
	int64_t deadline = clock_after(timeout);
	int verdict_fds[2], process;
	enum attempt_status status;
	bool in_time = false, answered;
	pid_t pid;

	memset(verdict, 0, sizeof(*verdict));
	verdict->result = RESULT_TEMPFAIL;
	pid = start_auth(attempt, verdict_fds);
	if (pid < 0) {
		log_message(LOG_ERR, "no auth process: %s", strerror(errno));
		return ATTEMPT_DONE;
	}
	process = pidfd_open(pid, 0);
	status = await(attempt, verdict_fds[0], process, deadline, &in_time);
	if (process >= 0)
		(void)close(process);
	answered = in_time && take_verdict(verdict_fds[0], verdict);
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
	if (status == ATTEMPT_DONE && !in_time)
		log_message(LOG_ERR, "the auth process gave no answer in time");
	end_auth(attempt, pid, in_time, answered);
	return status;
}

enum attempt_status
attempt_delay(const struct attempt *attempt, int64_t deadline)
{
	bool ignored;

	return await(attempt, -1, -1, deadline, &ignored);
}
