/*
 * What failures before cost an attempt: whom the monitor lets wait, and who pays.
 *
 * An address waits before anything is verified, and one attempt after the other, however
 * many connections it has.  Whom an attempt is for is known only afterwards: a user's
 * part of the delay comes before the answer, whatever that is, but not where this user
 * has logged in before from this network.
 */
#include <string.h>

#include "pop3d/clock.h"
#include "pop3d/monitor_state.h"
#include "pop3d/penalty.h"

#define LOOK_MS 200 /* who waits looks so often whether others were given back theirs */
#define TICK_MS ((int64_t)(1000 / PENALTY_TICKS))
#define PART 4u /* connections that did nothing useful make one failure */

/* False: nothing is to be done, or it cannot, of which the log has been told. */
static bool
open_table(const struct monitor *m, struct penalty *penalty)
{
	const struct config *config = m->connection.service->config;
	const char *wrong;
	bool directory;

	if (!connection_pays(&m->connection))
		return false;
	wrong = penalty_open(penalty, config->server.run_directory, &directory);
	if (wrong == NULL && penalty->foreign)
		log_message(LOG_WARNING, "the table of penalties was not one of this "
					 "program, or of this start of the machine: it "
					 "begins anew");
	if (wrong == NULL)
		return true;
	penalty_close(penalty);
	log_message(monitor_priority(m->connection.service, directory),
		"auth.penalty_max: no penalties: %s", wrong);
	return false;
}

/* Ticks until the attempt may begin; 0, with the charge, if it has. */
static uint32_t
try_to_begin(const struct monitor *m, struct penalty_charge *charge)
{
	const struct config_auth *auth = &m->connection.service->config->auth;
	struct penalty_rule rule = penalty_address_rule(auth);
	struct penalty penalty;
	uint32_t wait;

	*charge = (struct penalty_charge){0};
	if (!open_table(m, &penalty))
		return 0;
	wait = penalty_begin(penalty.table, PENALTY_ADDRESS,
		penalty_address(&penalty.key, m->connection.peer.network), &rule,
		penalty_now(), charge);
	penalty_close(&penalty);
	return wait;
}

enum attempt_status
monitor_penalty_begin(const struct monitor *m, const struct attempt *attempt,
	struct penalty_charge *charge, bool *late)
{
	int64_t deadline = m->connection.login_deadline;
	enum attempt_status status = ATTEMPT_DONE;
	uint32_t wait;

	*late = false;
	while (status == ATTEMPT_DONE && !*late &&
		(wait = try_to_begin(m, charge)) != 0) {
		int64_t until = clock_now() + wait * TICK_MS,
			look = clock_now() + LOOK_MS;

		/* No attempt is begun that could not be answered in time. */
		*late = clock_left(deadline) == 0;
		if (!*late)
			status = attempt_delay(attempt, until < look ? until : look);
	}
	return status;
}

int64_t
monitor_penalty_user(const struct monitor *m, const struct verdict *verdict)
{
	const struct config_auth *auth = &m->connection.service->config->auth;
	const char *network = m->connection.peer.network, *user = verdict->claimed;
	struct penalty_rule rule = penalty_user_rule(auth);
	uint32_t now = penalty_now(), debt;
	struct penalty penalty;

	if (user[0] == '\0' || rule.longest == 0 || !open_table(m, &penalty))
		return 0;
	debt = penalty_debt(penalty.table, PENALTY_USER, penalty_user(&penalty.key, user),
		&rule, now);
	if (penalty_noted(penalty.table, PENALTY_FAMILIAR,
		    penalty_familiar(&penalty.key, network, user), PENALTY_FAMILIAR_TICKS,
		    now))
		debt = 0;
	penalty_close(&penalty);
	return penalty_delay(&rule, debt) * TICK_MS;
}

/* The user's part of a failure. */
static void
charge_user(const struct penalty *penalty, const struct penalty_rule *rule,
	const struct verdict *verdict, uint32_t now)
{
	if (verdict->claimed[0] != '\0' && rule->longest != 0)
		penalty_charge(penalty->table, PENALTY_USER,
			penalty_user(&penalty->key, verdict->claimed), rule, now,
			rule->fade);
}

void
monitor_penalty_end(const struct monitor *m, const struct penalty_charge *charge,
	const struct verdict *verdict, bool failed, struct penalty_outcome *outcome)
{
	const struct config_auth *auth = &m->connection.service->config->auth;
	const char *network = m->connection.peer.network;
	struct penalty_rule rule = penalty_address_rule(auth);
	struct penalty_rule user_rule = penalty_user_rule(auth);
	uint32_t now = penalty_now();
	struct penalty penalty;

	memset(outcome, 0, sizeof(*outcome));
	if (!open_table(m, &penalty))
		return;
	if (failed && verdict->result == RESULT_DENIED && verdict->guess != 0)
		outcome->repeat = penalty_note(penalty.table, PENALTY_GUESS,
			verdict->guess, PENALTY_GUESS_TICKS, now);
	if (!failed || outcome->repeat)
		penalty_refund(
			penalty.table, PENALTY_ADDRESS, charge, &rule, now, !failed);
	else
		charge_user(&penalty, &user_rule, verdict, now);
	if (!failed && verdict->result == RESULT_OK)
		(void)penalty_note(penalty.table, PENALTY_FAMILIAR,
			penalty_familiar(&penalty.key, network, verdict->claimed),
			PENALTY_FAMILIAR_TICKS, now);
	outcome->seconds = (penalty_wait(penalty.table, PENALTY_ADDRESS,
				    penalty_address(&penalty.key, network), &rule, now) +
				   PENALTY_TICKS - 1) /
			   PENALTY_TICKS;
	penalty_close(&penalty);
}

/*
 * Whoever holds a place for long need not wait to be thrown out.  A handshake that fails
 * at once is not charged: it may be that of an honest client who does not know our
 * certificate, and comes again every minute.
 */
static bool
held_a_place(const struct monitor *m)
{
	const struct config_limits *limits = &m->connection.service->config->limits;
	int64_t held = clock_now() - m->connection.started;

	return held >= (int64_t)limits->login_seconds * 500 ||
	       (strcmp(m->reason, "tls") == 0 &&
		       held >= (int64_t)limits->handshake_seconds * 1000);
}

/* What no honest client does that is in order, and would not be charged otherwise. */
static bool
was_useless(const struct monitor *m)
{
	static const char *const reasons[] = {"timeout", "protocol", "bad-commands",
		"login-commands", "login-octets", NULL};

	if (m->attempts > 0)
		return false;
	for (size_t i = 0; reasons[i] != NULL; i++)
		if (strcmp(m->reason, reasons[i]) == 0)
			return true;
	return (strcmp(m->reason, "disconnect") == 0 || strcmp(m->reason, "tls") == 0) &&
	       held_a_place(m);
}

void
monitor_penalty_leave(const struct monitor *m)
{
	struct penalty_rule rule =
		penalty_address_rule(&m->connection.service->config->auth);
	bool crashed = m->crashed && !m->crash_charged;
	struct penalty penalty;

	if ((!crashed && !was_useless(m)) || !open_table(m, &penalty))
		return;
	penalty_charge(penalty.table, PENALTY_ADDRESS,
		penalty_address(&penalty.key, m->connection.peer.network), &rule,
		penalty_now(), crashed ? rule.fade : rule.fade / PART);
	penalty_close(&penalty);
}
