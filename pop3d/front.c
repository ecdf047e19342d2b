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

#include "auth/auth_module.h"
#include "pop3d/capability.h"
#include "pop3d/clock.h"
#include "pop3d/command.h"
#include "pop3d/descriptors.h"
#include "pop3d/ipc.h"
#include "pop3d/line.h"
#include "pop3d/output.h"
#include "pop3d/privileges.h"
#include "pop3d/sandbox.h"

#define CONTROL_FD 3
#define CREDENTIALS_FD 4
#define DESCRIPTORS 5
#define MEMORY_MEGABYTES 64

struct front {
	struct connection *connection;
	struct line_reader reader;
	struct output output;
	uint32_t attempt;
	uint64_t bad_commands; /* in a row */
	bool has_user;         /* USER was the command before */
	char user[AUTH_USER_MAX + 1];
	unsigned char buf[4096];
};

static void
send_log(int priority, const char *text)
{
	struct ipc_message message;

	ipc_begin(&message, IPC_LOG);
	ipc_put_number(&message, (uint32_t)priority);
	ipc_put_text(&message, text);
	(void)ipc_send(CONTROL_FD, &message);
}

static _Noreturn void
leave(struct front *front, const char *reason)
{
	struct ipc_message message;

	stream_finish(&front->connection->stream);

	ipc_begin(&message, IPC_BYE);
	ipc_put_text(&message, reason);
	(void)ipc_send(CONTROL_FD, &message);
	_exit(EX_OK);
}

static _Noreturn void
fail_to_start(const char *what)
{
	log_message(LOG_ERR, "front: %s", what);
	_exit(EX_OSERR);
}

static void
confine(const struct connection *connection, pid_t monitor)
{
	const struct service *service = connection->service;
	const char *wrong = NULL;

	if (service->root)
		wrong = privileges_enter_empty(service->config->server.chroot);
	if (wrong == NULL && service->root)
		wrong = privileges_become(
			service->front_uid, service->front_gid, (gid_t)-1);
	if (wrong == NULL && !(sandbox_common() && sandbox_no_new_privileges() &&
				     sandbox_die_with(monitor) &&
				     sandbox_confine(DESCRIPTORS, MEMORY_MEGABYTES)))
		wrong = "cannot be confined";
	if (wrong != NULL)
		fail_to_start(wrong);
}

static void
greet(struct front *front)
{
	char text[300];

	(void)snprintf(text, sizeof(text), "%s POP3 server ready",
		front->connection->service->config->server.hostname);
	output_reply(&front->output, 1, NULL, text);
}

static bool
send_credentials(struct front *front, const char *password)
{
	struct ipc_message message;
	unsigned char secret[AUTH_USER_MAX + 1 + LINE_COMMAND_MAX];
	size_t user = strlen(front->user) + 1, n = strlen(password);
	bool sent;

	memcpy(secret, front->user, user);
	memcpy(secret + user, password, n);
	ipc_begin(&message, IPC_STEP);
	ipc_put_number(&message, front->attempt);
	ipc_put_bytes(&message, secret, user + n);
	sent = ipc_send(CREDENTIALS_FD, &message);
	explicit_bzero(&message, sizeof(message));
	explicit_bzero(secret, sizeof(secret));
	return sent;
}

static bool
ask_for_attempt(struct front *front)
{
	struct ipc_message message;

	ipc_begin(&message, IPC_AUTH);
	ipc_put_number(&message, front->attempt);
	ipc_put_text(&message, "USER");
	return ipc_send(CONTROL_FD, &message);
}

static void
reply_failure(struct front *front, uint32_t result)
{
	struct output *output = &front->output;

	if (result == RESULT_DENIED)
		output_reply(output, 0, "AUTH", "Invalid user name or password");
	else if (result == RESULT_REFUSED)
		output_reply(output, 0, "SYS/PERM",
			"Account cannot be used, see the server's log");
	else
		output_reply(output, 0, "SYS/TEMP",
			"Authentication failed for now, try again later");
}

/* Wait for the verdict; on success the monitor takes the stream and ends this process. */
static void
finish_attempt(struct front *front)
{
	struct ipc_message message;
	uint32_t result, last;

	if (ipc_receive(CONTROL_FD, &message) != 1 || ipc_type(&message) != IPC_RESULT)
		_exit(EX_OK);
	result = ipc_get_number(&message);
	last = ipc_get_number(&message);
	if (!ipc_end(&message))
		_exit(EX_SOFTWARE);
	reply_failure(front, result);
	if (last == 0)
		return;
	(void)output_flush(&front->output);
	leave(front, "attempts");
}

static bool
do_user(struct front *front, const struct command *command)
{
	size_t n = strlen(command->text);

	front->has_user = false;
	if (!front->connection->plaintext) {
		output_reply(&front->output, 0, NULL,
			"Plaintext login is not allowed on this connection");
		return true;
	}
	if (n > AUTH_USER_MAX) {
		output_reply(&front->output, 0, NULL, "User name is too long");
		return false;
	}
	memcpy(front->user, command->text, n + 1);
	front->has_user = true;
	output_reply(&front->output, 1, NULL, "Now PASS");
	return true;
}

static bool
do_pass(struct front *front, const struct command *command)
{
	if (!front->has_user) {
		output_reply(&front->output, 0, NULL, "USER first");
		return false;
	}
	front->has_user = false;
	front->attempt++;
	/* The replies before must be out: the next one may be the session's. */
	if (output_flush(&front->output) != STREAM_OK)
		leave(front, "disconnect");
	if (!send_credentials(front, command->text) || !ask_for_attempt(front))
		leave(front, "internal");
	line_wipe(&front->reader);
	finish_attempt(front);
	return true;
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
		return do_user(front, command);
	case COMMAND_PASS:
		return do_pass(front, command);
	case COMMAND_CAPA:
		capability_write(front->connection, output);
		return true;
	case COMMAND_QUIT:
		output_reply(output, 1, NULL, "Bye");
		(void)output_flush(output);
		leave(front, "quit");
	default:
		output_reply(output, 0, NULL, "Log in first");
		return false;
	}
}

static bool
serve_line(struct front *front)
{
	struct command command;
	char *text;
	size_t n;

	/* Also for a client whose commands are all here already. */
	if (clock_left(front->connection->login_deadline) == 0)
		leave(front, "timeout");
	switch (line_read(&front->reader, LINE_COMMAND_MAX,
		front->connection->login_deadline, &text, &n)) {
	case LINE_OK:
		command_parse(&command, text, n);
		return do_command(front, &command);
	case LINE_TOO_LONG:
		front->has_user = false;
		output_reply(&front->output, 0, NULL, "Line too long");
		return false;
	case LINE_INVALID:
		front->has_user = false;
		output_reply(&front->output, 0, NULL, "Invalid octet in the line");
		return false;
	case LINE_TIMEOUT:
		leave(front, "timeout");
	case LINE_EOF:
	case LINE_ERROR:
	case LINE_STOPPED:
		break;
	}
	leave(front, "disconnect");
}

_Noreturn void
front_run(struct connection *connection, int control, int credentials, pid_t monitor)
{
	static struct front front;
	const int fds[DESCRIPTORS] = {
		connection->stream.in, connection->stream.out, -1, control, credentials};

	(void)prctl(PR_SET_NAME, "pop3d-front", 0, 0, 0);
	if (!descriptors_arrange(fds, DESCRIPTORS))
		_exit(EX_OSERR);
	log_set_sink(send_log);
	connection->stream.in = STDIN_FILENO;
	connection->stream.out = STDOUT_FILENO;
	confine(connection, monitor);
	front.connection = connection;
	line_reader_init(&front.reader, &connection->stream, false);
	output_init(&front.output, &connection->stream,
		connection->service->config->limits.output_seconds, front.buf,
		sizeof(front.buf));
	greet(&front);
	while (output_flush(&front.output) == STREAM_OK) {
		if (serve_line(&front))
			front.bad_commands = 0;
		else if (++front.bad_commands >=
			 connection->service->config->limits.bad_commands) {
			(void)output_flush(&front.output);
			leave(&front, "bad-commands");
		}
	}
	leave(&front, "disconnect");
}
