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

#define LOGIN_GRACE_MS 1000 /* for a front to end by itself at the login deadline */

static pid_t
start_auth(const struct attempt *attempt, enum service_parts parts, int verdict_fds[2])
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
			.parts = parts,
			.credentials = attempt->credentials,
			.verdict = verdict_fds[1],
			.monitor = monitor,
		};
		(void)close(verdict_fds[0]);
		(void)close(attempt->control);
		service_let_go(attempt->connection->service);
		authenticator_run(&a);
	}
	(void)close(verdict_fds[1]);
	if (pid < 0)
		(void)close(verdict_fds[0]);
	return pid;
}

/* Waiting for the verdict of one auth process. */
struct waiting {
	int verdict;      /* the channel it comes by */
	int process;      /* descriptor of the process, -1: none could be had */
	int64_t deadline; /* of whose turn it is */
	bool client;      /* it is the client's turn, not the modules' */
	bool may_repeat;  /* it lacks parts of modules */
	bool in_time;
	bool answered;
	bool repeat; /* the answer is that it needs them */
};

/* True once there is nothing more to wait for. */
static bool
take_message(const struct attempt *attempt, struct waiting *w, struct verdict *verdict)
{
	const struct connection *connection = attempt->connection;
	static struct ipc_message message;
	unsigned type;

	if (ipc_receive(w->verdict, &message) != 1)
		return true;
	type = ipc_type(&message);
	if (type == IPC_WAITING || type == IPC_WORKING) {
		ipc_get_text(&message, verdict->claimed, sizeof(verdict->claimed));
		w->client = type == IPC_WAITING;
		w->deadline =
			w->client
				? connection->login_deadline + LOGIN_GRACE_MS
				: clock_after(connection->service->config->auth.timeout);
		return !ipc_end(&message);
	}
	if (type == IPC_AGAIN && w->may_repeat) {
		w->answered = w->repeat = ipc_end(&message);
		return true;
	}
	w->answered = verdict_read(&message, verdict);
	if (!w->answered)
		memset(verdict, 0, sizeof(*verdict));
	return true;
}

/* The front has left: only whom the client claimed to be still matters, for the log. */
static void
take_last_words(const struct attempt *attempt, struct waiting *w, struct verdict *verdict)
{
	struct pollfd p = {.fd = w->verdict, .events = POLLIN};
	struct verdict last = *verdict;

	while (poll(&p, 1, 0) > 0 && !take_message(attempt, w, &last))
		;
	memcpy(verdict->claimed, last.claimed, sizeof(verdict->claimed));
}

/*
 * Wait for a verdict, or for the end of the process that should give it: what it left
 * behind may hold the channel open.  Whatever the front says while an attempt runs breaks
 * the protocol.
 */
static enum attempt_status
await(const struct attempt *attempt, struct waiting *w, struct verdict *verdict)
{
	struct pollfd p[3] = {{.fd = attempt->control, .events = POLLIN},
		{.fd = w->verdict, .events = POLLIN},
		{.fd = w->process, .events = POLLIN}};

	for (;;) {
		int ready = poll(p, 3, clock_left(w->deadline));
		if (ready < 0 && errno == EINTR)
			continue;
		if (ready < 0 || p[0].revents != 0) {
			take_last_words(attempt, w, verdict);
			return ATTEMPT_ABANDONED;
		}
		w->in_time = ready > 0;
		/* A verdict that was given is there before its process ends. */
		if (p[1].revents == 0 || take_message(attempt, w, verdict))
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

/* One auth process, from its start to its end; *repeat: it leaves the answer to another.
 */
static enum attempt_status
ask(struct attempt *attempt, enum service_parts parts, struct verdict *verdict,
	bool *repeat)
{
	struct waiting w = {.may_repeat = parts == PARTS_NONE,
		.deadline =
			clock_after(attempt->connection->service->config->auth.timeout)};
	int verdict_fds[2];
	enum attempt_status status;
	pid_t pid;

	memset(verdict, 0, sizeof(*verdict));
	verdict->result = RESULT_TEMPFAIL;
	attempt->keeper = -1;
	*repeat = false;
	pid = start_auth(attempt, parts, verdict_fds);
	if (pid < 0) {
		log_message(LOG_ERR, "no auth process: %s", strerror(errno));
		return ATTEMPT_DONE;
	}
	w.verdict = verdict_fds[0];
	w.process = pidfd_open(pid, 0);
	status = await(attempt, &w, verdict);
	if (w.process >= 0)
		(void)close(w.process);
	check_identity(attempt, verdict);
	/* A keeper ends by itself when this channel is closed, and may take its time. */
	if (status == ATTEMPT_DONE && verdict->out.hold != 0) {
		if (verdict->result == RESULT_OK)
			attempt->keeper = verdict_fds[0];
		else
			(void)close(verdict_fds[0]);
		return status;
	}
	(void)close(verdict_fds[0]);
	if (status == ATTEMPT_DONE && !w.in_time && !w.client)
		log_message(LOG_ERR, "the auth process gave no answer in time");
	end_auth(attempt, pid, w.in_time, w.answered);
	*repeat = w.repeat && !attempt->crashed && status == ATTEMPT_DONE;
	return status;
}

/*
 * Where modules have been loaded they have all of their parts.  Who loads them for one
 * attempt tries without, if what the client said can be read a second time, and if there
 * may be answers that need none: without a cache there are not.
 */
static bool
may_spare(const struct attempt *attempt)
{
	const struct service *service = attempt->connection->service;

	return service->chain == NULL && service->config->auth.cache_ttl != 0 &&
	       (attempt->mechanism->flags & MECHANISM_ONE_MESSAGE) != 0;
}

enum attempt_status
attempt_run(struct attempt *attempt, struct verdict *verdict)
{
	enum attempt_status status;
	bool repeat;

	if (!may_spare(attempt))
		return ask(attempt, PARTS_ALL, verdict, &repeat);
	status = ask(attempt, PARTS_NONE, verdict, &repeat);
	return repeat ? ask(attempt, PARTS_AGAIN, verdict, &repeat) : status;
}

enum attempt_status
attempt_delay(const struct attempt *attempt, int64_t deadline)
{
	struct waiting w = {.verdict = -1, .process = -1, .deadline = deadline};
	struct verdict ignored = {0};

	return await(attempt, &w, &ignored);
}
