/*
 * Login attempts, as the monitor counts, judges and logs them.
 */
#include "pop3d/attempt.h"
#include "pop3d/clock.h"
#include "pop3d/ipc.h"
#include "pop3d/monitor_state.h"

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
	connection_log_tls(&m->connection, &line);
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

/* False, with a reason, if the attempt, or its answer, was not seen to its end. */
static bool
serve_attempt(struct monitor *m, struct verdict *verdict)
{
	/* Each failure costs the next one more. */
	uint64_t delay = m->connection.service->config->auth.failure_delay;
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
	if (status == ATTEMPT_DONE)
		return verdict->result == RESULT_OK ||
		       answer_failure(m, &attempt, verdict, earliest);
	/*
	 * One that is not seen to its end is a failed one: the client may have learned by
	 * now what it wanted to know.
	 */
	m->attempts++;
	log_failure(m, verdict, "aborted");
	/* It has something to say: why it leaves, or what it must not. */
	if (monitor_next(m) != MONITOR_OVER)
		monitor_reason(m, "protocol");
	return false;
}

enum monitor_wish
monitor_authorize(struct monitor *m, struct verdict *verdict)
{
	for (;;) {
		enum monitor_wish wish = monitor_next(m);

		if (wish != MONITOR_ATTEMPT)
			return wish;
		if (!serve_attempt(m, verdict))
			return MONITOR_OVER;
		if (verdict->result == RESULT_OK)
			return MONITOR_SUCCESS;
	}
}
