/*
 * The monitor process.
 *
 * uid: root, or the one mail user; after a login the mail user for good, as the session.
 * Holds: the client's stream, which it does not read before the session; the channels.
 * Must never: see a password, parse an octet of the client, believe the front.
 */
#include "pop3d/monitor.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sysexits.h>
#include <unistd.h>

#include "pop3d/attempt.h"
#include "pop3d/child.h"
#include "pop3d/clock.h"
#include "pop3d/front.h"
#include "pop3d/ipc.h"
#include "pop3d/sandbox.h"
#include "pop3d/session.h"

#define LOG_LINES_MAX 50 /* a front has nothing that would need more */
#define SORRY_SECONDS 1
#define BYE_GRACE_MS 2000 /* for a front to end by itself at the login deadline */

struct monitor {
	struct connection connection;
	pid_t front;
	int control;
	int credentials; /* the auth process's end, handed on by fork, never read here */
	uint64_t attempts;  /* failed ones */
	unsigned log_lines; /* taken from the front */
	char reason[32];    /* why the connection ended before a login */
	bool crashed;
	const struct auth_mechanism *mechanism; /* of the attempt asked for */
};

static bool
start_front(struct monitor *m)
{
	pid_t monitor = getpid();
	int control[2], credentials[2];

	if (!ipc_pair(control) || !ipc_pair(credentials))
		return false;
	m->front = fork();
	if (m->front == 0)
		front_run(&m->connection, control[1], credentials[1], monitor);
	(void)close(control[1]);
	(void)close(credentials[1]);
	m->control = control[0];
	m->credentials = credentials[0];
	return m->front > 0;
}

static void
give_reason(struct monitor *m, const char *reason)
{
	(void)snprintf(m->reason, sizeof(m->reason), "%s", reason);
}

/* False for a line that no front would send. */
static bool
take_log(struct monitor *m, struct ipc_message *message)
{
	char text[LOG_TEXT_MAX + 1];
	uint32_t priority = ipc_get_number(message);
	struct log_line line;

	ipc_get_text(message, text, sizeof(text));
	if (!ipc_end(message) || priority < LOG_ERR || priority > LOG_DEBUG ||
		++m->log_lines > LOG_LINES_MAX)
		return false;
	/* Encoded once more: its author is the process that may have been taken over. */
	log_begin(&line, "front");
	log_text(&line, "text", text);
	log_end(&line, (int)priority);
	return true;
}

static void
take_bye(struct monitor *m, struct ipc_message *message)
{
	ipc_get_text(message, m->reason, sizeof(m->reason));
	if (!ipc_end(message))
		give_reason(m, "protocol");
}

/* True if it is a request for the attempt that comes next. */
static bool
take_auth(struct monitor *m, struct ipc_message *message)
{
	char name[32];
	uint32_t number = ipc_get_number(message);

	ipc_get_text(message, name, sizeof(name));
	m->mechanism = auth_mechanism_find(name);
	return ipc_end(message) && m->mechanism != NULL && number == m->attempts + 1 &&
	       m->attempts < m->connection.service->config->auth.max_attempts &&
	       connection_offers(&m->connection, m->mechanism);
}

static bool
wait_for_front(struct monitor *m)
{
	struct pollfd p = {.fd = m->control, .events = POLLIN};
	int64_t deadline = m->connection.login_deadline + BYE_GRACE_MS;
	int ready;

	do
		ready = poll(&p, 1, clock_left(deadline));
	while (ready < 0 && errno == EINTR);
	if (clock_left(deadline) == 0)
		ready = 0;
	if (ready == 0)
		give_reason(m, "timeout");
	return ready > 0;
}

/* What the front may say in AUTHORIZATION.  True: an attempt; false: it is over. */
static bool
next_attempt(struct monitor *m)
{
	struct ipc_message message;

	while (wait_for_front(m)) {
		if (ipc_receive(m->control, &message) != 1)
			return false;
		switch (ipc_type(&message)) {
		case IPC_LOG:
			if (take_log(m, &message))
				break;
			give_reason(m, "protocol");
			return false;
		case IPC_AUTH:
			if (take_auth(m, &message))
				return true;
			give_reason(m, "protocol");
			return false;
		case IPC_BYE:
			take_bye(m, &message);
			return false;
		default:
			give_reason(m, "protocol");
			return false;
		}
	}
	return false;
}

static const char *
word_of(enum ipc_result result)
{
	switch (result) {
	case RESULT_DENIED:
		return "denied";
	case RESULT_REFUSED:
		return "account";
	case RESULT_TEMPFAIL:
	case RESULT_OK:
		break;
	}
	return "backend";
}

static void
log_failure(const struct monitor *m, const struct verdict *verdict, const char *reason)
{
	struct log_line line;

	connection_log_begin(&m->connection, &line, "login-failed", verdict->claimed);
	log_text(&line, "mech", m->mechanism->name);
	log_text(&line, "tls", "no");
	log_text(&line, "reason", reason);
	if (verdict->out.reason[0] != '\0')
		log_text(&line, "detail", verdict->out.reason);
	log_end(&line, LOG_NOTICE);
}

static bool
answer_failure(struct monitor *m, const struct attempt *attempt,
	const struct verdict *verdict, int64_t earliest)
{
	struct ipc_message message;

	m->attempts++;
	log_failure(m, verdict, word_of(verdict->result));
	if (attempt_delay(attempt, earliest) != ATTEMPT_DONE)
		return false;
	ipc_begin(&message, IPC_RESULT);
	ipc_put_number(&message, verdict->result);
	ipc_put_number(&message,
		m->attempts >= m->connection.service->config->auth.max_attempts ? 1 : 0);
	return ipc_send(m->control, &message);
}

/* Serve attempts until one succeeds (true) or the front is done (false). */
static bool
authorize(struct monitor *m, struct verdict *verdict)
{
	uint64_t delay = m->connection.service->config->auth.failure_delay;

	while (next_attempt(m)) {
		/* Each failure costs the next one more. */
		int64_t earliest = clock_after(delay * (m->attempts + 1));
		struct attempt attempt = {
			.connection = &m->connection,
			.mechanism = m->mechanism,
			.number = (uint32_t)m->attempts + 1,
			.control = m->control,
			.credentials = m->credentials,
		};
		enum attempt_status status = attempt_run(&attempt, verdict);
		m->crashed = m->crashed || attempt.crashed;
		if (status != ATTEMPT_DONE) {
			/*
			 * One that is not seen to its end is a failed one: the client may
			 * have learned by now what it wanted to know.
			 */
			m->attempts++;
			log_failure(m, verdict, "aborted");
			/* It has something to say: why it leaves, or what it must not. */
			if (next_attempt(m))
				give_reason(m, "protocol");
			return false;
		}
		if (verdict->result == RESULT_OK)
			return true;
		if (!answer_failure(m, &attempt, verdict, earliest))
			return false;
	}
	return false;
}

static void
log_event(const struct monitor *m, const char *event)
{
	struct log_line line;

	connection_log_begin(&m->connection, &line, event, NULL);
	if (strcmp(event, "connect") == 0) {
		log_number(&line, "rport", m->connection.peer.port);
		log_number(&line, "lport", m->connection.self.port);
	} else {
		log_number(&line, "attempts", m->attempts);
		log_text(
			&line, "reason", m->reason[0] != '\0' ? m->reason : "front-died");
	}
	log_end(&line, LOG_INFO);
}

/* Nothing of the AUTHORIZATION state may be left when the session begins. */
static void
end_front(struct monitor *m, bool at_once)
{
	int status;

	(void)close(m->control);
	(void)close(m->credentials);
	status = at_once ? child_end(m->front) : child_finish(m->front);
	if (!at_once && child_report("front", status))
		m->crashed = true;
}

int
monitor_run(struct service *service, int in, int out)
{
	static struct monitor m;
	static const char sorry[] = "-ERR [SYS/TEMP] Server is out of resources\r\n";
	static struct verdict verdict;
	bool logged_in;
	int status;

	(void)prctl(PR_SET_NAME, "pop3d-monitor", 0, 0, 0);
	connection_init(&m.connection, service, in, out);
	log_event(&m, "connect");
	if (!sandbox_common() || !start_front(&m)) {
		log_message(LOG_ERR, "no front process: %s", strerror(errno));
		give_reason(&m, "no-front");
		log_event(&m, "disconnect");
		(void)stream_write(&m.connection.stream, sorry, sizeof(sorry) - 1,
			SORRY_SECONDS, false);
		return EX_OSERR;
	}
	logged_in = authorize(&m, &verdict);
	end_front(&m, logged_in);
	if (!logged_in) {
		log_event(&m, "disconnect");
		return m.crashed ? EX_SOFTWARE : EX_OK;
	}
	config_forget_modules(service->config);
	status = session_run(&m.connection, &verdict.out.identity, m.mechanism->name);
	return m.crashed ? EX_SOFTWARE : status;
}
