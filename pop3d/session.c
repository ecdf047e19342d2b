/*
 * The session process: the monitor, after it has become the mail user for good.
 *
 * uid: the mail user, under Landlock and seccomp.  Holds: the client's stream and one
 * maildrop.
 * Must never: remove a message before the client said QUIT.
 */
#include "pop3d/session.h"

#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

#include "mailstore/location.h"
#include "mailstore/mailstore.h"
#include "pop3d/clock.h"
#include "pop3d/session_state.h"

static volatile sig_atomic_t stop_asked;

static void
ask_stop(int signal_number)
{
	(void)signal_number;
	stop_asked = 1;
}

/* Termination is let in only while waiting for the client: it can interrupt no UPDATE. */
static void
hold_signals(struct stream *stream, sigset_t *waiting)
{
	static const int signals[] = {SIGTERM, SIGINT, SIGHUP};
	struct sigaction action = {.sa_handler = ask_stop};
	sigset_t held;

	(void)sigemptyset(&held);
	(void)sigemptyset(&action.sa_mask);
	for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++) {
		(void)sigaddset(&held, signals[i]);
		(void)sigaction(signals[i], &action, NULL);
	}
	/* To write to a client that has left says so in its result. */
	(void)signal(SIGPIPE, SIG_IGN);
	(void)sigprocmask(SIG_BLOCK, &held, waiting);
	for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++)
		(void)sigdelset(waiting, signals[i]);
	stream->wait_mask = waiting;
	stream->stop = &stop_asked;
}

static void log_for_store(void *cookie, int priority, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

static void
log_for_store(void *cookie, int priority, const char *format, ...)
{
	const struct session *session = cookie;
	char text[1024];
	va_list arguments;

	va_start(arguments, format);
	(void)vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	log_message(priority, "user %s: %s", session->user, text);
}

static enum mail_status
open_maildrop(struct session *session, const struct auth_identity *identity)
{
	static struct mail_options options; /* must outlive the store */
	const struct service *service = session->connection->service;
	const struct config_limits *limits = &service->config->limits;
	const char *template = identity->mail;
	static struct mail_location location;
	const char *error;

	if (template[0] == '\0')
		template = service->config->mail.location;
	if (!mail_location_expand(
		    &location, template, session->user, identity->home, &error)) {
		log_message(LOG_ERR, "user %s: mail location %s: %s", session->user,
			template, error);
		return MAIL_PERM;
	}
	options.max_messages = limits->messages;
	options.max_octets = limits->octets != 0 ? limits->octets : UINT64_MAX;
	options.max_decompressed = limits->decompressed_octets;
	options.lock_wait = (unsigned)limits->lock_seconds;
	options.lock_lease = (unsigned)limits->lock_lease_seconds;
	options.login_delay = (unsigned)session->policy.login_delay;
	options.uidl_source = (unsigned)service->config->mail.uidl;
	options.dovecot_format = service->config->mail.uidl_dovecot_format;
	memcpy(options.mbox_locks, service->mbox_locks, sizeof(options.mbox_locks));
	options.home = identity->home;
	options.log = log_for_store;
	options.cookie = session;
	session->ops = location.ops;
	session_keep_waiting(session, limits->lock_lease_seconds);
	if (!session_confine(session, location.path, &options))
		return MAIL_TEMP;
	return session->ops->open(&session->store, -1, location.path, &options);
}

/* Write the reply of one event; false: drop the connection. */
static bool
write_reply(struct session *session, const struct command *command,
	enum session_event event, const struct session_reply *reply)
{
	switch (event) {
	case SESSION_OK:
		output_reply(&session->output, 1, NULL, reply->text);
		return true;
	case SESSION_ERR:
	case SESSION_BAD:
		output_reply(&session->output, 0, reply->code, reply->text);
		return true;
	case SESSION_BODY:
		output_reply(&session->output, 1, NULL, reply->text);
		if (reply->message != NULL)
			return session_send_message(session, command, reply->message);
		return reply->body(session, command);
	case SESSION_SENT:
	case SESSION_QUIT:
		break;
	}
	return true;
}

/* The answer to a command when it turns out that the session is over; false. */
static bool
lose(struct session *session)
{
	/* IN-USE is for a login only (RFC 2449 section 8.1.2). */
	output_reply(
		&session->output, 0, NULL, "Another session has taken over the maildrop");
	(void)output_flush(&session->output);
	return false;
}

static void
finish(struct session *session)
{
	struct session_reply reply = {0};
	enum mail_status status;

	/* A client that has not got its messages must not lose them. */
	if (output_flush(&session->output) != STREAM_OK) {
		session->reason = "output";
		return;
	}
	status = session_update(session);
	session->reason = "quit";
	if (status == MAIL_OK) {
		output_reply(&session->output, 1, NULL, "Bye");
	} else if (session->lost) {
		(void)lose(session);
		return;
	} else {
		(void)session_fault(&reply, status);
		(void)snprintf(reply.text, sizeof(reply.text),
			"Some deleted messages were not removed");
		output_reply(&session->output, 0, reply.code, reply.text);
		session->reason = "update-failed";
	}
	(void)output_flush(&session->output);
}

/* False if the session is over. */
static bool
serve_command(struct session *session, char *text, size_t n)
{
	struct session_reply reply = {0};
	struct command command;
	enum session_event event;
	bool good;

	if (!session_may_command(session))
		return false;
	if (!session_keep(session))
		return lose(session);
	command_parse(&command, text, n);
	event = session_command(session, &command, &reply);
	if (session->lost)
		return lose(session);
	if (event == SESSION_QUIT) {
		finish(session);
		return false;
	}
	session->bad_commands = event == SESSION_BAD ? session->bad_commands + 1 : 0;
	good = write_reply(session, &command, event, &reply);
	if (reply.message != NULL)
		session->ops->message_close(reply.message);
	if (!good || session->output.status != STREAM_OK) {
		/* The replies before it are whole. */
		(void)output_flush(&session->output);
		session->reason =
			session->output.status == STREAM_OK ? "torn-message" : "output";
		return false;
	}
	return !session_is_confused(session);
}

/* A line that is no command. */
static bool
serve_bad_line(struct session *session, const char *text)
{
	output_reply(&session->output, 0, NULL, text);
	session->bad_commands++;
	return !session_is_confused(session);
}

static bool
serve_line(struct session *session)
{
	uint64_t idle = session->connection->service->config->limits.idle_seconds;
	char *text;
	size_t n;

	/* While commands are waiting their replies are gathered (RFC 2449 section 6.6).
	 */
	if (line_is_ready(&session->reader)) {
		if (session->output.n >= SESSION_GATHERED)
			output_push(&session->output);
	} else if (output_flush(&session->output) != STREAM_OK) {
		session->reason = "output";
		return false;
	}
	switch (line_read(
		&session->reader, LINE_COMMAND_MAX, clock_after(idle), &text, &n)) {
	case LINE_OK:
		return serve_command(session, text, n);
	case LINE_TOO_LONG:
		return serve_bad_line(session, "Line too long");
	case LINE_INVALID:
		return serve_bad_line(session, "Invalid octet in the line");
	case LINE_TIMEOUT:
		session->reason = "idle";
		break;
	case LINE_EOF:
	case LINE_ERROR:
	case LINE_EXHAUSTED:
		session->reason = "disconnect";
		break;
	case LINE_STOPPED:
		session->reason = "terminated";
		break;
	}
	return false;
}

int
session_run(struct connection *connection, const struct auth_identity *identity,
	const char *mechanism, bool crowded)
{
	static struct session session;
	static sigset_t waiting;
	struct session_reply reply = {0};
	enum mail_status status;

	(void)prctl(PR_SET_NAME, "pop3d-session", 0, 0, 0);
	mailstore_identify();
	session.connection = connection;
	session.user = identity->user;
	session.mechanism = mechanism;
	output_init(&session.output, &connection->stream,
		connection->service->config->limits.output_seconds, session.output_buf,
		sizeof(session.output_buf));
	line_reader_init(&session.reader, &connection->stream, true);
	if (!session_become(&session, identity->uid, identity->gid)) {
		(void)session_fault(&reply, MAIL_TEMP);
		output_reply(&session.output, 0, reply.code, reply.text);
		(void)output_flush(&session.output);
		return EX_OSERR;
	}
	hold_signals(&connection->stream, &waiting);
	session_log_login(&session);
	mail_policy_of_user(&session.policy, connection->service->config, identity);
	/* One of the others has the maildrop: RFC 2449 section 8.1.2. */
	status = crowded ? MAIL_BUSY : open_maildrop(&session, identity);
	if (status != MAIL_OK) {
		(void)session_fault(&reply, status);
		output_reply(&session.output, 0, reply.code, reply.text);
		session.reason = crowded                ? "connections_per_user"
				 : status == MAIL_EARLY ? "login-delay"
							: "maildrop";
		(void)output_flush(&session.output);
	} else {
		output_reply(&session.output, 1, NULL, "Logged in");
		while (serve_line(&session))
			;
	}
	if (session.store != NULL)
		session.ops->close(session.store);
	/* What waits for the client from here on must not keep a lock that is gone. */
	session.store = NULL;
	session_log_end(&session);
	stream_finish(&connection->stream);
	return EX_OK;
}
