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
log_failure(const struct monitor *m, const struct verdict *verdict, const char *reason,
	const struct penalty_outcome *outcome)
{
	struct log_line line;

	connection_log_begin(&m->connection, &line, "login-failed", verdict->claimed);
	log_text(&line, "mech", m->mechanism->name);
	log_text(&line, "reason", reason);
	if (outcome->repeat)
		log_text(&line, "repeat", "yes");
	if (outcome->seconds != 0)
		log_number(&line, "penalty", outcome->seconds);
	connection_log_tls(&m->connection, &line);
	if (verdict->out.reason[0] != '\0')
		log_text(&line, "detail", verdict->out.reason);
	log_end(&line, LOG_NOTICE);
}

static bool
answer_failure(struct monitor *m, const struct attempt *attempt,
	const struct verdict *verdict, int64_t earliest)
{
	static struct ipc_message message;

	if (attempt_delay(attempt, earliest) != ATTEMPT_DONE)
		return false;
	ipc_begin(&message, IPC_RESULT);
	ipc_put_number(&message, verdict->result);
	ipc_put_number(&message,
		m->attempts >= m->connection.service->config->auth.max_attempts ? 1 : 0);
	return ipc_send(m->control, &message);
}

/* A right answer is held back as a wrong one is: who does not wait learns nothing. */
static enum attempt_status
ask(struct monitor *m, struct attempt *attempt, struct verdict *verdict,
	int64_t *earliest)
{
	enum attempt_status status = attempt_run(attempt, verdict);
	int64_t delay;

	m->crashed = m->crashed || attempt->crashed;
	m->crash_charged = m->crash_charged || attempt->crashed;
	if (status != ATTEMPT_DONE)
		return status;
	delay = monitor_penalty_user(m, verdict);
	if (*earliest < clock_now() + delay)
		*earliest = clock_now() + delay;
	return verdict->result == RESULT_OK && delay > 0
		       ? attempt_delay(attempt, *earliest)
		       : ATTEMPT_DONE;
}

/* True if it is the client's doing that an attempt has come to nothing. */
static bool
is_failure(const struct attempt *attempt, enum attempt_status status,
	const struct verdict *verdict)
{
	/* One that is not seen to its end is a failed one: the client may have learned by
	 * now what it wanted to know. */
	return status != ATTEMPT_DONE || attempt->crashed ||
	       verdict->result == RESULT_DENIED;
}

/* An attempt without its answer.  *reason: why nothing was asked, if that is so. */
static enum attempt_status
make_attempt(struct monitor *m, struct attempt *attempt, struct verdict *verdict,
	int64_t *earliest, const char **reason, struct penalty_outcome *outcome)
{
	struct penalty_charge charge;
	enum attempt_status status;
	bool late;

	*verdict = (struct verdict){.result = RESULT_TEMPFAIL};
	status = monitor_penalty_begin(m, attempt, &charge, &late);
	if (late)
		*reason = "penalty";
	if (late || status != ATTEMPT_DONE)
		return status;
	status = ask(m, attempt, verdict, earliest);
	monitor_penalty_end(
		m, &charge, verdict, is_failure(attempt, status, verdict), outcome);
	return status;
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
	struct penalty_outcome outcome = {0};
	const char *reason = NULL;
	enum attempt_status status =
		make_attempt(m, &attempt, verdict, &earliest, &reason, &outcome);

	if (status == ATTEMPT_DONE && verdict->result == RESULT_OK)
		return true;
	m->attempts++;
	if (status == ATTEMPT_DONE) {
		log_failure(m, verdict,
			reason != NULL ? reason : word_of(verdict->result), &outcome);
		return answer_failure(m, &attempt, verdict, earliest);
	}
	log_failure(m, verdict, "aborted", &outcome);
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
