/*
 * The monitor process.
 *
 * uid: root, or the one mail user; after a login the mail user for good, as the session.
 * Holds: the client's stream, which it does not read before the session; the channels.
 * Must never: see a password, parse an octet of the client, believe the front.
 */
#include "pop3d/monitor.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sysexits.h>
#include <unistd.h>

#include "pop3d/child.h"
#include "pop3d/clock.h"
#include "pop3d/front.h"
#include "pop3d/gate.h"
#include "pop3d/ipc.h"
#include "pop3d/monitor_state.h"
#include "pop3d/proxy_process.h"
#include "pop3d/roster.h"
#include "pop3d/run_directory.h"
#include "pop3d/sandbox.h"
#include "pop3d/session.h"
#include "pop3d/tls_start.h"

#define SORRY_SECONDS 1
#define RELAY_GRACE_SECONDS 5

static bool
start_front(struct monitor *m)
{
	struct front_start start = {.monitor = getpid(),
		.greet = !m->greeted,
		.attempts = (uint32_t)m->attempts,
		.lines = m->lines,
		.octets = m->octets};
	int control[2], credentials[2];

	if (!ipc_pair(control) || !ipc_pair(credentials))
		return false;
	start.control = control[1];
	start.credentials = credentials[1];
	m->front = fork();
	if (m->front == 0)
		front_run(&m->connection, &start);
	(void)close(control[1]);
	(void)close(credentials[1]);
	m->control = control[0];
	m->credentials = credentials[0];
	m->greeted = true;
	return m->front > 0;
}

/* Nothing of the AUTHORIZATION state may be left when something else begins. */
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

static void
log_connect(const struct monitor *m)
{
	const struct connection *connection = &m->connection;
	struct log_line line;

	connection_log_begin(connection, &line, "connect", NULL);
	log_number(&line, "rport", connection->peer.port);
	log_number(&line, "lport", connection->self.port);
	if (connection->proxied)
		log_text(&line, "via",
			connection->via.text[0] != '\0' ? connection->via.text : "local");
	log_end(&line, connection->health_check ? LOG_DEBUG : LOG_INFO);
}

static void
log_disconnect(const struct monitor *m)
{
	struct log_line line;

	connection_log_begin(&m->connection, &line, "disconnect", NULL);
	log_number(&line, "attempts", m->attempts);
	connection_log_tls(&m->connection, &line);
	log_text(&line, "reason", m->reason[0] != '\0' ? m->reason : "front-died");
	if (m->detail[0] != '\0')
		log_text(&line, "detail", m->detail);
	log_end(&line, m->connection.health_check ? LOG_DEBUG : LOG_INFO);
}

/* What is true of the client from its first octet on.  False, with a reason: close. */
static bool
meet(struct monitor *m, const struct monitor_client *client)
{
	struct connection *connection = &m->connection;
	const char *wrong = NULL;
	bool told = client->header != NULL;

	if (told)
		connection_take_header(connection, client->header);
	if (client->endpoint.proxy != PROXY_NONE) {
		wrong = proxy_process_run(
			connection, client->endpoint.proxy, &m->crashed);
		told = true;
	}
	log_connect(m);
	if (wrong == NULL && told && !connection->health_check && !gate_ask(connection))
		wrong = "connections_per_address";
	if (wrong != NULL)
		monitor_reason(m, wrong);
	return wrong == NULL;
}

/* The client has been told to begin, or does so unasked. */
static bool
begin_tls(struct monitor *m)
{
	struct tls_start start;

	/* What was said in the clear may have been said by somebody in between. */
	if (m->connection.xclient)
		m->connection = m->before_xclient;
	if (tls_start(&m->connection, &start)) {
		m->relay = start.relay;
		return true;
	}
	m->crashed = m->crashed || start.crashed;
	monitor_reason(m, "tls");
	(void)snprintf(m->detail, sizeof(m->detail), "%s", start.detail);
	return false;
}

static bool
take_xclient(struct monitor *m)
{
	m->before_xclient = m->connection;
	m->connection.xclient = true;
	connection_take_header(&m->connection, &m->header);
	log_connect(m);
	if (gate_ask(&m->connection))
		return true;
	monitor_reason(m, "connections_per_address");
	return false;
}

static bool
cannot_serve(struct monitor *m)
{
	static const char sorry[] = "-ERR [SYS/TEMP] Server is out of resources\r\n";

	log_message(LOG_ERR, "no front process: %s", strerror(errno));
	m->starved = true;
	monitor_reason(m, "no-front");
	if (m->connection.tls || !m->implicit)
		(void)stream_write(&m->connection.stream, sorry, sizeof(sorry) - 1,
			SORRY_SECONDS, false);
	return false;
}

/* Front after front, each knowing nothing of the one before, until someone logs in. */
static bool
authorization_state(struct monitor *m, struct verdict *verdict)
{
	for (;;) {
		enum monitor_wish wish;

		if (!start_front(m))
			return cannot_serve(m);
		wish = monitor_authorize(m, verdict);
		end_front(m, wish == MONITOR_SUCCESS);
		if (wish == MONITOR_SUCCESS)
			return true;
		if (wish == MONITOR_OVER || m->crashed ||
			!(wish == MONITOR_STLS ? begin_tls(m) : take_xclient(m)))
			return false;
	}
}

/*
 * A relay of our own still has the last reply to deliver, and systemd would end it with
 * us.  It ends by itself, if only when the client has taken nothing for too long.
 */
static void
wait_for_relay(struct monitor *m)
{
	const struct config_limits *limits = &m->connection.service->config->limits;

	if (m->relay == 0)
		return;
	(void)close(STDIN_FILENO);
	(void)close(STDOUT_FILENO);
	if (child_report("tls", child_await(m->relay, clock_after(limits->output_seconds +
								  RELAY_GRACE_SECONDS))))
		m->crashed = true;
}

int
monitor_priority(const struct service *service, bool directory)
{
	const struct config *config = service->config;
	bool warned = service->gate >= 0 || config->auth.cache_ttl != 0 ||
		      config->limits.verifications != 0;

	return !directory && warned ? LOG_DEBUG : LOG_WARNING;
}

/* True if a user has as many sessions as one may have; this one then gets no maildrop. */
static bool
is_crowded(const struct service *service, const char *user)
{
	const uint64_t most = service->config->limits.connections_per_user;
	const char *wrong;
	bool crowded = false;
	int directory;

	if (most == 0)
		return false;
	directory = run_directory_open(service->config->server.run_directory, &wrong);
	if (directory >= 0) {
		crowded = !roster_enter(directory, user, most, &wrong);
		(void)close(directory);
	}
	if (wrong != NULL)
		log_message(monitor_priority(service, directory >= 0),
			"limits.connections_per_user: no limit: %s", wrong);
	return crowded;
}

int
monitor_run(struct service *service, const struct monitor_client *client)
{
	static struct monitor m;
	static struct verdict verdict;
	bool logged_in, crowded = false;
	int status;

	(void)prctl(PR_SET_NAME, "pop3d-monitor", 0, 0, 0);
	connection_init(&m.connection, service, client->in, client->out);
	m.implicit = client->endpoint.tls == TLS_IMPLICIT;
	logged_in = (sandbox_common() || cannot_serve(&m)) && meet(&m, client) &&
		    (!m.implicit || begin_tls(&m)) && authorization_state(&m, &verdict);
	if (logged_in) {
		gate_logged_in(service);
		crowded = is_crowded(service, verdict.out.identity.user);
	}
	service_let_go(service);
	if (!logged_in) {
		log_disconnect(&m);
		wait_for_relay(&m);
		monitor_penalty_leave(&m);
		return m.crashed ? EX_SOFTWARE : m.starved ? EX_OSERR : EX_OK;
	}
	config_forget_modules(service->config);
	status = session_run(
		&m.connection, &verdict.out.identity, m.mechanism->name, crowded);
	wait_for_relay(&m);
	return m.crashed ? EX_SOFTWARE : status;
}
