/*
 * What the front may say to the monitor.  Anything else ends the connection.
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>

#include "pop3d/clock.h"
#include "pop3d/monitor_state.h"
#include "pop3d/proxy_message.h"

#define LOG_LINES_MAX 50  /* a connection has nothing that would need more */
#define BYE_GRACE_MS 2000 /* for a front to end by itself at the login deadline */

void
monitor_reason(struct monitor *m, const char *reason)
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

static bool
take_bye(struct monitor *m, struct ipc_message *message)
{
	ipc_get_text(message, m->reason, sizeof(m->reason));
	return ipc_end(message);
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

/* A front that lies here lets itself say more, to no other front's harm. */
static void
take_counts(struct monitor *m, struct ipc_message *message)
{
	m->lines = ipc_get_number(message);
	m->octets = ipc_get_number(message);
}

/* True if the message is what it may be now; *wish is what it comes to. */
static bool
take_message(struct monitor *m, struct ipc_message *message, enum monitor_wish *wish)
{
	*wish = MONITOR_OVER;
	switch (ipc_type(message)) {
	case IPC_BYE:
		return take_bye(m, message);
	case IPC_AUTH:
		*wish = MONITOR_ATTEMPT;
		return take_auth(m, message);
	case IPC_STLS:
		*wish = MONITOR_STLS;
		take_counts(m, message);
		return ipc_end(message) && connection_offers_stls(&m->connection);
	case IPC_XCLIENT:
		*wish = MONITOR_XCLIENT;
		take_counts(m, message);
		return proxy_message_get(message, &m->header) &&
		       connection_offers_xclient(&m->connection);
	default:
		return false;
	}
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
		monitor_reason(m, "timeout");
	return ready > 0;
}

enum monitor_wish
monitor_next(struct monitor *m)
{
	static struct ipc_message message;
	enum monitor_wish wish;

	while (wait_for_front(m)) {
		if (ipc_receive(m->control, &message) != 1)
			return MONITOR_OVER;
		if (ipc_type(&message) == IPC_LOG && take_log(m, &message))
			continue;
		if (take_message(m, &message, &wish))
			return wish;
		monitor_reason(m, "protocol");
		return MONITOR_OVER;
	}
	return MONITOR_OVER;
}
