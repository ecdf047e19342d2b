/*
 * What a session may ask for at all.  One that has asked for more ends without UPDATE.
 */
#include "pop3d/log.h"
#include "pop3d/session_state.h"

bool
session_is_confused(struct session *session)
{
	if (session->bad_commands <
		session->connection->service->config->limits.bad_commands)
		return false;
	(void)output_flush(&session->output);
	session->reason = "bad-commands";
	return true;
}

bool
session_may_command(struct session *session)
{
	const uint64_t most =
		session->connection->service->config->limits.session_commands;

	if (most == 0 || ++session->commands <= most)
		return true;
	output_reply(&session->output, 0, NULL, "Too many commands in one session");
	(void)output_flush(&session->output);
	session->reason = "session-commands";
	return false;
}

bool
session_may_send(struct session *session)
{
	const uint64_t most = session->connection->service->config->limits.session_octets;

	if (most == 0 || session->retr.octets + session->top.octets < most)
		return true;
	if (!session->sated)
		log_message(LOG_NOTICE, "user %s: limits.session_octets is reached",
			session->user);
	session->sated = true;
	return false;
}
