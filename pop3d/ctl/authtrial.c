#include "pop3d/ctl/authtrial.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "pop3d/auth_process.h"
#include "pop3d/child.h"
#include "pop3d/clock.h"
#include "pop3d/ctl/authclient.h"
#include "pop3d/ctl/ctl.h"
#include "pop3d/descriptors.h"
#include "pop3d/log.h"

/* A timestamp like that of a greeting; that it is no secret does no harm here. */
#define BANNER "<pop3ctl.auth.test@%.255s>"

/* Below: in the child, which has no way to say anything but this channel. */
static int report_fd = -1;

static void
line_send(const char *what, const char *text)
{
	char line[LOG_TEXT_MAX + 64];
	struct ipc_message message;

	(void)snprintf(line, sizeof(line), "%s%s", what, text);
	ipc_begin(&message, IPC_LOG);
	ipc_put_text(&message, line);
	(void)ipc_send(report_fd, &message);
}

static void
log_send(int priority, const char *text)
{
	(void)priority;
	line_send("log: ", text);
}

static void
trace_send(void *cookie, const char *module, enum auth_result result, const char *reason)
{
	static const char *const words[] = {[AUTH_TEMPFAIL] = "temporary failure",
		[AUTH_DENY] = "denied",
		[AUTH_UNKNOWN] = "unknown user",
		[AUTH_OK] = "ok"};
	char text[256];

	(void)cookie;
	(void)snprintf(text, sizeof(text), "%s: %s%s%s%s", module, words[result],
		reason[0] != '\0' ? " (" : "", reason, reason[0] != '\0' ? ")" : "");
	line_send("module ", text);
}

static enum auth_result
exchange_run(struct auth_exchange *exchange, struct authclient *client)
{
	static struct authclient_message message;
	struct auth_span challenge = {NULL, 0}, in;
	enum auth_result result;
	const char *fault;

	do {
		fault = authclient_step(client, challenge, &message);
		if (fault != NULL) {
			line_send("client: ", fault);
			return AUTH_TEMPFAIL;
		}
		in.p = message.nothing ? NULL : message.p;
		in.n = message.n;
		result = auth_exchange_step(exchange, in);
		challenge.p = exchange->challenge;
		challenge.n = exchange->challenge_len;
		explicit_bzero(&message, sizeof(message));
	} while (result == AUTH_MORE);
	return result;
}

static void
verdict_make(
	const struct authtrial *trial, const unsigned char *seed, struct verdict *verdict)
{
	const struct config *config = trial->service->config;
	char banner[320];
	const struct auth_peer peer = {
		.remote = trial->remote,
		.local = "127.0.0.1",
		.hostname = config->server.hostname,
		.banner = banner,
		.secure = 1,
		.certificate_user = "",
		.seed = {seed, SEED_OCTETS},
		.oauth_scope = config->auth.oauth_scope,
		.oauth_discovery = config->auth.oauth_discovery,
	};
	struct auth_exchange exchange = {.mechanism = trial->mechanism,
		.chain = trial->service->chain,
		.peer = &peer};
	struct authclient client = {.mechanism = trial->mechanism->name,
		.user = trial->user,
		.secret = trial->secret,
		.banner = banner};

	(void)snprintf(banner, sizeof(banner), BANNER, config->server.hostname);
	verdict->result = auth_process_result(exchange_run(&exchange, &client));
	memcpy(verdict->claimed, exchange.user, sizeof(verdict->claimed));
	verdict->out = exchange.out;
}

_Noreturn static void
child_run(const struct authtrial *trial, pid_t parent)
{
	struct verdict verdict = {.result = RESULT_TEMPFAIL};
	unsigned char seed[SEED_OCTETS];
	bool sent;

	(void)prctl(PR_SET_NAME, "pop3ctl-auth", 0, 0, 0);
	log_set_sink(log_send);
	trial->service->trace = trace_send;
	if (!descriptors_silence(STDERR_FILENO) ||
		!auth_process_prepare(
			trial->service, trial->mechanism->proof, parent, seed))
		_exit(EX_CONFIG);
	verdict_make(trial, seed, &verdict);
	/* The session that a module may have opened is over at once. */
	auth_chain_free(trial->service->chain);
	sent = verdict_send(report_fd, &verdict);
	_exit(sent ? EX_OK : EX_IOERR);
}

/* Below: in the parent. */

/* Whatever a module has put into its reason, a terminal must not act on it. */
static void
line_print(struct ipc_message *message)
{
	char line[LOG_TEXT_MAX + 64];

	ipc_get_text(message, line, sizeof(line));
	if (!ipc_end(message))
		return;
	for (char *p = line; *p != '\0'; p++)
		if ((unsigned char)*p < 0x20 || *p == 0x7f)
			*p = '?';
	(void)puts(line);
}

enum outcome { ANSWERED, SILENT, LATE };

/* Take all messages that are there; true if the last one is a verdict. */
static bool
messages_take(int fd, struct verdict *verdict, bool *end)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};
	struct ipc_message message;

	while (poll(&p, 1, 0) == 1) {
		*end = ipc_receive(fd, &message) != 1;
		if (*end)
			return false;
		if (ipc_type(&message) == IPC_VERDICT)
			return verdict_read(&message, verdict);
		line_print(&message);
	}
	return false;
}

static enum outcome
await(int fd, pid_t pid, uint64_t timeout, struct verdict *verdict)
{
	int64_t deadline = clock_after(timeout);
	struct pollfd p[2] = {{.fd = fd, .events = POLLIN}, {.events = POLLIN}};
	bool end = false, answered = false;
	int ready;

	p[1].fd = pidfd_open(pid, 0);
	do {
		ready = poll(p, 2, clock_left(deadline));
		if (ready > 0)
			answered = messages_take(fd, verdict, &end);
		end = end || (ready > 0 && p[1].revents != 0);
	} while (!answered && !end && (ready > 0 || (ready < 0 && errno == EINTR)));
	if (p[1].fd >= 0)
		(void)close(p[1].fd);
	if (answered)
		return ANSWERED;
	return end ? SILENT : LATE;
}

static int
outcome_print(enum outcome outcome, int status)
{
	if (outcome == LATE)
		(void)puts("auth process: no answer within auth.timeout");
	else if (WIFSIGNALED(status))
		(void)printf("auth process: died of signal %d\n", WTERMSIG(status));
	else if (outcome == SILENT)
		(void)printf("auth process: no verdict, exit status %d\n",
			WEXITSTATUS(status));
	if (outcome == ANSWERED)
		return 0;
	return outcome == SILENT && WIFEXITED(status) && WEXITSTATUS(status) == EX_CONFIG
		       ? EX_CONFIG
		       : EX_TEMPFAIL;
}

int
authtrial_run(const struct authtrial *trial, struct verdict *verdict)
{
	uint64_t timeout = trial->service->config->auth.timeout;
	pid_t parent = getpid(), pid;
	enum outcome outcome;
	int fds[2], status;

	memset(verdict, 0, sizeof(*verdict));
	if (!ipc_pair(fds)) {
		ctl_error("no channel to a process: %s", strerror(errno));
		return EX_TEMPFAIL;
	}
	(void)fflush(stdout);
	pid = fork();
	if (pid == 0) {
		(void)close(fds[0]);
		report_fd = fds[1];
		child_run(trial, parent);
	}
	(void)close(fds[1]);
	if (pid < 0) {
		ctl_error("no process: %s", strerror(errno));
		(void)close(fds[0]);
		return EX_TEMPFAIL;
	}
	outcome = await(fds[0], pid, timeout, verdict);
	status = outcome == LATE ? child_end_group(pid) : child_finish_group(pid);
	(void)close(fds[0]);
	return outcome_print(outcome, status);
}
