/*
 * TRANSACTION commands (RFC 1939 sections 5 and 7).
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "pop3d/capability.h"
#include "pop3d/multiline.h"
#include "pop3d/session_state.h"

static void
set_text(struct session_reply *reply, const char *text)
{
	(void)snprintf(reply->text, sizeof(reply->text), "%s", text);
}

/* The message a command names, as an index; false: there is no such message. */
static bool
find_message(const struct session *session, const struct command *command, size_t *i,
	struct session_reply *reply)
{
	uint64_t number = command->number[0];

	if (number >= 1 && number <= session->count &&
		session_is_listed(session, (size_t)number - 1)) {
		*i = (size_t)number - 1;
		return true;
	}
	set_text(reply, "No such message");
	return false;
}

static enum session_event
do_stat(struct session *session, const struct command *command,
	struct session_reply *reply)
{
	size_t count;
	uint64_t octets;
	enum mail_status status = session_measure(session, &count, &octets);

	(void)command;
	if (status != MAIL_OK)
		return session_fault(reply, status);
	(void)snprintf(reply->text, sizeof(reply->text), "%zu %" PRIu64, count, octets);
	return SESSION_OK;
}

static void
put_line(struct multiline *m, struct output *output, const char *text)
{
	multiline_put(m, output, text, strlen(text));
}

static bool
list_body(struct session *session, const struct command *command)
{
	struct multiline m = {0};
	char line[48];
	uint64_t octets;

	(void)command;
	for (size_t i = 0; i < session->count; i++) {
		if (!session_is_listed(session, i))
			continue;
		/* Known since session_measure(): this cannot fail half-way. */
		if (session_octets(session, i, &octets) != MAIL_OK)
			return false;
		(void)snprintf(line, sizeof(line), "%zu %" PRIu64 "\n", i + 1, octets);
		put_line(&m, &session->output, line);
	}
	multiline_close(&m, &session->output);
	return true;
}

static enum session_event
do_list(struct session *session, const struct command *command,
	struct session_reply *reply)
{
	enum mail_status status;
	size_t i, count;
	uint64_t octets;

	if (command->numbers == 0) {
		status = session_measure(session, &count, &octets);
		if (status != MAIL_OK)
			return session_fault(reply, status);
		(void)snprintf(reply->text, sizeof(reply->text), "%zu messages", count);
		reply->body = list_body;
		return SESSION_BODY;
	}
	if (!find_message(session, command, &i, reply))
		return SESSION_ERR;
	status = session_octets(session, i, &octets);
	if (status != MAIL_OK)
		return session_fault(reply, status);
	(void)snprintf(reply->text, sizeof(reply->text), "%zu %" PRIu64, i + 1, octets);
	return SESSION_OK;
}

static bool
uidl_body(struct session *session, const struct command *command)
{
	struct multiline m = {0};
	char uid[MAIL_UID_MAX + 1], line[MAIL_UID_MAX + 32];

	(void)command;
	for (size_t i = 0; i < session->count; i++) {
		if (!session_is_listed(session, i))
			continue;
		if (session->ops->uid(session->store, i, uid) != MAIL_OK)
			return false;
		(void)snprintf(line, sizeof(line), "%zu %s\n", i + 1, uid);
		put_line(&m, &session->output, line);
	}
	multiline_close(&m, &session->output);
	return true;
}

static enum session_event
do_uidl(struct session *session, const struct command *command,
	struct session_reply *reply)
{
	enum mail_status status;
	char uid[MAIL_UID_MAX + 1];
	size_t i;

	if (command->numbers == 0) {
		/* What keeps ids from being told keeps all of them: better said now. */
		for (i = 0; i < session->count && !session_is_listed(session, i); i++)
			;
		if (i < session->count) {
			status = session->ops->uid(session->store, i, uid);
			if (status != MAIL_OK)
				return session_fault(reply, status);
		}
		set_text(reply, "Unique-id listing follows");
		reply->body = uidl_body;
		return SESSION_BODY;
	}
	if (!find_message(session, command, &i, reply))
		return SESSION_ERR;
	status = session->ops->uid(session->store, i, uid);
	if (status != MAIL_OK)
		return session_fault(reply, status);
	(void)snprintf(reply->text, sizeof(reply->text), "%zu %s", i + 1, uid);
	return SESSION_OK;
}

static enum session_event
do_dele(struct session *session, const struct command *command,
	struct session_reply *reply)
{
	size_t i;

	if (!find_message(session, command, &i, reply))
		return SESSION_ERR;
	session_mark(session, i);
	(void)snprintf(reply->text, sizeof(reply->text), "Message %zu deleted", i + 1);
	return SESSION_OK;
}

static enum session_event
do_rset(struct session *session, const struct command *command,
	struct session_reply *reply)
{
	(void)command;
	session_unmark_all(session);
	set_text(reply, "No message is marked");
	return SESSION_OK;
}

static enum session_event
do_noop(struct session *session, const struct command *command,
	struct session_reply *reply)
{
	(void)session;
	(void)command;
	set_text(reply, "Done nothing");
	return SESSION_OK;
}

static enum session_event
do_message(struct session *session, const struct command *command,
	struct session_reply *reply)
{
	size_t i;

	if (!find_message(session, command, &i, reply))
		return SESSION_ERR;
	if (!session_may_send(session)) {
		reply->code = "SYS/TEMP";
		set_text(reply, "No more messages in this session");
		return SESSION_ERR;
	}
	return session_open_message(session, command, reply);
}

static enum session_event
do_capa(struct session *session, const struct command *command,
	struct session_reply *reply)
{
	(void)command;
	(void)reply;
	capability_write(session->connection, CAPABILITY_TRANSACTION, &session->policy,
		&session->output);
	return SESSION_SENT;
}

static enum session_event
do_quit(struct session *session, const struct command *command,
	struct session_reply *reply)
{
	(void)session;
	(void)command;
	(void)reply;
	return SESSION_QUIT;
}

static enum session_event
do_wrong_state(struct session *session, const struct command *command,
	struct session_reply *reply)
{
	(void)session;
	(void)command;
	set_text(reply, "Logged in already");
	return SESSION_BAD;
}

static const struct {
	enum session_event (*run)(struct session *session, const struct command *command,
		struct session_reply *reply);
	bool needs_list; /* message numbers */
} handlers[COMMAND_VERBS] = {
	[COMMAND_APOP] = {do_wrong_state, false},
	[COMMAND_AUTH] = {do_wrong_state, false},
	[COMMAND_CAPA] = {do_capa, false},
	[COMMAND_DELE] = {do_dele, true},
	[COMMAND_LIST] = {do_list, true},
	[COMMAND_NOOP] = {do_noop, false},
	[COMMAND_PASS] = {do_wrong_state, false},
	[COMMAND_QUIT] = {do_quit, false},
	[COMMAND_RETR] = {do_message, true},
	[COMMAND_RSET] = {do_rset, true},
	[COMMAND_STAT] = {do_stat, true},
	[COMMAND_STLS] = {do_wrong_state, false},
	[COMMAND_TOP] = {do_message, true},
	[COMMAND_UIDL] = {do_uidl, true},
	[COMMAND_USER] = {do_wrong_state, false},
	[COMMAND_XCLIENT] = {do_wrong_state, false},
};

enum session_event
session_command(struct session *session, const struct command *command,
	struct session_reply *reply)
{
	enum mail_status status;

	if (command->verb == COMMAND_UNKNOWN) {
		set_text(reply, "Unknown command");
		return SESSION_BAD;
	}
	if (!command->well_formed) {
		set_text(reply, "Invalid arguments");
		return SESSION_BAD;
	}
	if (handlers[command->verb].needs_list) {
		status = session_load(session);
		if (status != MAIL_OK)
			return session_fault(reply, status);
	}
	return handlers[command->verb].run(session, command, reply);
}
