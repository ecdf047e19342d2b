/*
 * The front process.
 *
 * uid: server.user, in an empty root directory, unable to fork or to gain privileges.
 * Holds: the client's stream, a channel to the monitor, a channel to the auth process.
 * Must never: read an octet behind the command it serves (the session, or TLS, takes the
 * stream over), tell anyone but the auth process a password, decide anything.
 */
#include "pop3d/front.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sysexits.h>
#include <unistd.h>

#include "pop3d/capability.h"
#include "pop3d/clock.h"
#include "pop3d/confine.h"
#include "pop3d/descriptors.h"
#include "pop3d/front_state.h"
#include "pop3d/proxy_message.h"
#include "pop3d/xclient.h"

#define DESCRIPTORS 5

static void
send_log(int priority, const char *text)
{
	static struct ipc_message message;

	ipc_begin(&message, IPC_LOG);
	ipc_put_number(&message, (uint32_t)priority);
	ipc_put_text(&message, text);
	(void)ipc_send(FRONT_CONTROL, &message);
}

_Noreturn void
front_leave(struct front *front, const char *reason)
{
	static struct ipc_message message;

	stream_finish(&front->connection->stream);
	ipc_begin(&message, IPC_BYE);
	ipc_put_text(&message, reason);
	(void)ipc_send(FRONT_CONTROL, &message);
	_exit(EX_OK);
}

static _Noreturn void
fail_to_start(const char *what)
{
	log_message(LOG_ERR, "front: %s", what);
	_exit(EX_OSERR);
}

static void
greet(struct front *front)
{
	const char *banner = front->connection->banner;
	/* Dovecot's proxy looks for this word before it says XCLIENT. */
	const char *code =
		connection_offers_xclient(front->connection) ? "XCLIENT" : NULL;
	char text[700];

	(void)snprintf(text, sizeof(text), "%.150s POP3 server ready%s%s",
		front->connection->service->config->server.hostname,
		banner[0] != '\0' ? " " : "", banner);
	output_reply(&front->output, 1, code, text);
}

/*
 * What follows is for another front: this one must have read no octet of it, and leaves
 * nothing of what it knew.
 */
static _Noreturn void
hand_over(struct front *front, enum ipc_type type, const struct proxy_header *header)
{
	static struct ipc_message message;

	(void)output_flush(&front->output);
	ipc_begin(&message, type);
	ipc_put_number(&message, front->lines);
	ipc_put_number(&message, (uint32_t)front->reader.total);
	if (header != NULL)
		proxy_message_put(&message, header);
	(void)ipc_send(FRONT_CONTROL, &message);
	_exit(EX_OK);
}

static bool
do_capa(struct front *front)
{
	struct mail_policy policy;

	mail_policy_of_all(&policy, front->connection->service->config);
	capability_write(
		front->connection, CAPABILITY_AUTHORIZATION, &policy, &front->output);
	return true;
}

/* RFC 2595 section 4. */
static bool
do_stls(struct front *front)
{
	if (!connection_offers_stls(front->connection)) {
		output_reply(&front->output, 0, NULL, "STLS is not available now");
		return false;
	}
	output_reply(&front->output, 1, NULL, "Begin TLS negotiation");
	hand_over(front, IPC_STLS, NULL);
}

static bool
do_xclient(struct front *front, const struct command *command)
{
	struct proxy_header header;

	if (!connection_offers_xclient(front->connection)) {
		output_reply(&front->output, 0, NULL, "XCLIENT is not available");
		return false;
	}
	header.self = front->connection->self;
	if (!xclient_parse(command->text, &header)) {
		output_reply(&front->output, 0, NULL, "Invalid arguments");
		return false;
	}
	output_reply(&front->output, 1, NULL, "Updated");
	hand_over(front, IPC_XCLIENT, &header);
}

/* False if it was not a command that this state knows, well formed. */
static bool
do_command(struct front *front, const struct command *command)
{
	struct output *output = &front->output;

	if (command->verb != COMMAND_PASS)
		front->has_user = false;
	if (command->verb == COMMAND_UNKNOWN) {
		output_reply(output, 0, NULL, "Unknown command");
		return false;
	}
	if (!command->well_formed) {
		front->has_user = false;
		output_reply(output, 0, NULL, "Invalid arguments");
		return false;
	}
	switch (command->verb) {
	case COMMAND_USER:
		return front_user(front, command);
	case COMMAND_PASS:
		return front_pass(front, command);
	case COMMAND_APOP:
		return front_apop(front, command);
	case COMMAND_AUTH:
		return front_auth(front, command);
	case COMMAND_CAPA:
		return do_capa(front);
	case COMMAND_STLS:
		return do_stls(front);
	case COMMAND_XCLIENT:
		return do_xclient(front, command);
	case COMMAND_QUIT:
		output_reply(output, 1, NULL, "Bye");
		(void)output_flush(output);
		front_leave(front, "quit");
	default:
		output_reply(output, 0, NULL, "Log in first");
		return false;
	}
}

static _Noreturn void
send_away(struct front *front, const char *text, const char *reason)
{
	output_reply(&front->output, 0, NULL, text);
	(void)output_flush(&front->output);
	front_leave(front, reason);
}

enum line_status
front_read(struct front *front, size_t limit, char **text, size_t *n)
{
	int64_t deadline = front->connection->login_deadline;
	enum line_status status;

	/* Also for a client whose commands are all here already. */
	if (clock_left(deadline) == 0)
		front_leave(front, "timeout");
	status = line_read(&front->reader, limit, deadline, text, n);
	switch (status) {
	case LINE_OK:
	case LINE_TOO_LONG:
	case LINE_INVALID:
		if (++front->lines >
			front->connection->service->config->limits.login_commands)
			send_away(front, "Too many commands before login",
				"login-commands");
		return status;
	case LINE_EXHAUSTED:
		send_away(front, "Too many octets before login", "login-octets");
	case LINE_TIMEOUT:
		front_leave(front, "timeout");
	case LINE_EOF:
	case LINE_ERROR:
	case LINE_STOPPED:
		break;
	}
	front_leave(front, "disconnect");
}

/*
 * AUTH may be longer, for its initial response (RFC 5034 section 4), and XCLIENT, which
 * Dovecot's proxy fills with what it forwards.
 */
static bool
is_too_long(const struct front *front, const struct command *command)
{
	return front->reader.octets > LINE_COMMAND_MAX && command->verb != COMMAND_AUTH &&
	       command->verb != COMMAND_XCLIENT;
}

static bool
serve_line(struct front *front)
{
	struct command command = {0};
	enum line_status status;
	char *text;
	size_t n;

	status = front_read(front, LINE_SASL_MAX, &text, &n);
	if (status == LINE_OK)
		command_parse(&command, text, n);
	if (status == LINE_OK && !is_too_long(front, &command))
		return do_command(front, &command);
	front->has_user = false;
	output_reply(&front->output, 0, NULL,
		status == LINE_INVALID ? "Invalid octet in the line" : "Line too long");
	return false;
}

/* Serve the client until it, or this front, leaves. */
static _Noreturn void
serve(struct front *front, struct connection *connection, const struct front_start *start)
{
	const struct config_limits *limits = &connection->service->config->limits;

	front->connection = connection;
	front->attempt = start->attempts;
	front->lines = start->lines;
	line_reader_init(&front->reader, &connection->stream, false);
	front->reader.total = start->octets;
	front->reader.most = limits->login_octets;
	output_init(&front->output, &connection->stream, limits->output_seconds,
		front->buf, sizeof(front->buf));
	if (start->greet)
		greet(front);
	while (output_flush(&front->output) == STREAM_OK) {
		if (serve_line(front))
			front->bad_commands = 0;
		else if (++front->bad_commands >= limits->bad_commands) {
			(void)output_flush(&front->output);
			front_leave(front, "bad-commands");
		}
	}
	front_leave(front, "disconnect");
}

_Noreturn void
front_run(struct connection *connection, const struct front_start *start)
{
	static struct front front;
	const int fds[DESCRIPTORS] = {connection->stream.in, connection->stream.out, -1,
		start->control, start->credentials};
	struct confinement confinement;
	const char *wrong;

	(void)prctl(PR_SET_NAME, "pop3d-front", 0, 0, 0);
	if (!descriptors_arrange(fds, DESCRIPTORS))
		fail_to_start("descriptors cannot be arranged");
	log_set_sink(send_log);
	config_forget_modules(connection->service->config);
	connection->stream.in = STDIN_FILENO;
	connection->stream.out = STDOUT_FILENO;
	confinement =
		service_confinement(connection->service, start->monitor, DESCRIPTORS);
	wrong = confine(&confinement);
	if (wrong != NULL)
		fail_to_start(wrong);
	serve(&front, connection, start);
}
