/*
 * The log's lines about a session.
 */
#include "pop3d/clock.h"
#include "pop3d/session_state.h"

void
session_log_login(const struct session *session)
{
	struct log_line line;

	connection_log_begin(session->connection, &line, "login", session->user);
	log_text(&line, "mech", session->mechanism);
	connection_log_tls(session->connection, &line);
	log_end(&line, LOG_INFO);
}

void
session_log_end(const struct session *session)
{
	int64_t duration = (clock_now() - session->connection->started) / 1000;
	struct log_line line;

	connection_log_begin(session->connection, &line, "session-end", session->user);
	connection_log_tls(session->connection, &line);
	log_text(&line, "mech", session->mechanism);
	log_pair(&line, "top", session->top.messages, session->top.octets);
	log_pair(&line, "retr", session->retr.messages, session->retr.octets);
	log_pair(&line, "dele", session->dele.messages, session->dele.octets);
	if (session->policy.expire != CONFIG_NEVER)
		log_pair(&line, "expired", session->expiry.messages,
			session->expiry.octets);
	if (session->loaded)
		log_number(&line, "left", session->left);
	log_number(&line, "duration", (uint64_t)duration);
	log_text(&line, "reason", session->lost ? "lock-lost" : session->reason);
	log_end(&line, LOG_INFO);
}
