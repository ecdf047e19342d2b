/*
 * RETR and TOP (RFC 1939 sections 5 and 7).
 *
 * A reader that fails half-way drops the connection without the closing dot: the client
 * must never take a torn message for a whole one.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "pop3d/multiline.h"
#include "pop3d/session_state.h"

#define SEND_FILE_MIN 65536u /* below this, to copy costs less */
#define TOP_CHUNK 65536u /* octets that TOP reads at once: mostly a header is wanted */

/* Where TOP is in a message. */
struct top {
	uint64_t lines; /* of the body, still to be sent */
	bool in_body;
	bool in_line;  /* the line so far is not empty */
	bool after_cr; /* it is one CR so far */
	bool done;
};

enum session_event
session_open_message(struct session *session, const struct command *command,
	struct session_reply *reply)
{
	size_t i = (size_t)command->number[0] - 1;
	uint64_t octets;
	enum mail_status status = session_octets(session, i, &octets);

	if (status == MAIL_OK)
		status = session->ops->message_open(session->store, i, &reply->message);
	if (status != MAIL_OK)
		return session_fault(reply, status);
	if (command->verb == COMMAND_RETR)
		(void)snprintf(
			reply->text, sizeof(reply->text), "%" PRIu64 " octets", octets);
	else
		(void)snprintf(
			reply->text, sizeof(reply->text), "Top of message follows");
	return SESSION_BODY;
}

/* A message that is stored as it is sent needs nobody to look at it. */
static bool
is_sent_by_kernel(const struct session *session, struct mail_message *message, int *fd,
	uint64_t *octets)
{
	return session->ops->message_as_is != NULL && session->output.stream->socket &&
	       session->ops->message_as_is(message, fd, octets) &&
	       *octets >= SEND_FILE_MIN;
}

/* Read a message up to where it fails, so that the log says which one it is, and why. */
static void
find_fault(struct session *session, struct mail_message *message)
{
	size_t n;

	while (session->ops->message_read(
		       message, session->chunk, sizeof(session->chunk), &n) == MAIL_OK &&
		n > 0)
		;
}

/* True, with no octet sent: it has to be read. */
static bool
send_file(struct session *session, struct mail_message *message, int fd, uint64_t octets,
	struct multiline *m, bool *whole)
{
	struct output *output = &session->output;
	enum stream_status status;

	*whole = false;
	output_push(output);
	if (output->status != STREAM_OK)
		return false;
	status = stream_send_file(
		output->stream, fd, octets, output->stall_seconds, &m->octets);
	if (status == STREAM_EOF && m->octets == 0)
		return true;
	if (status == STREAM_EOF)
		find_fault(session, message);
	else
		output->status = status;
	*whole =
		status == STREAM_OK && session->ops->message_as_is(message, &fd, &octets);
	return false;
}

static bool
send_whole(struct session *session, size_t i, struct mail_message *message,
	struct multiline *m)
{
	uint64_t promised;
	bool whole;
	size_t n;
	int fd;

	if (is_sent_by_kernel(session, message, &fd, &promised) &&
		!send_file(session, message, fd, promised, m, &whole))
		return whole;
	do {
		if (!session_keep(session) ||
			session->ops->message_read(message, session->chunk,
				sizeof(session->chunk), &n) != MAIL_OK)
			return false;
		multiline_put(m, &session->output, session->chunk, n);
	} while (n > 0 && session->output.status == STREAM_OK);
	/* A file that shrank or grew since LIST is not the message that was promised. */
	return session->output.status == STREAM_OK &&
	       session_octets(session, i, &promised) == MAIL_OK &&
	       multiline_octets(m) == promised;
}

/* Take one line end at p[at - 1]; updates where we are. */
static void
top_end_line(struct top *top)
{
	if (top->in_body)
		top->lines--;
	else if (!top->in_line)
		top->in_body = true;
	top->in_line = false;
	top->after_cr = false;
	top->done = top->in_body && top->lines == 0;
}

/* How many of n octets belong to the top of the message. */
static size_t
top_take(struct top *top, const unsigned char *p, size_t n)
{
	size_t at = 0;

	while (at < n && !top->done) {
		const unsigned char *end = memchr(p + at, '\n', n - at);
		size_t text = end != NULL ? (size_t)(end - (p + at)) : n - at;

		/* A line of nothing but the CR of its CRLF is an empty one. */
		if (text > 0) {
			bool one_cr = text == 1 && p[at] == '\r' && !top->after_cr;
			top->in_line = top->in_line || top->after_cr || !one_cr;
			top->after_cr = !top->in_line;
		}
		at += text;
		if (end == NULL)
			break;
		at++;
		top_end_line(top);
	}
	return at;
}

static bool
send_top(struct session *session, uint64_t lines, struct mail_message *message,
	struct multiline *m)
{
	struct top top = {.lines = lines};
	size_t n;

	do {
		if (!session_keep(session) ||
			session->ops->message_read(
				message, session->chunk, TOP_CHUNK, &n) != MAIL_OK)
			return false;
		multiline_put(m, &session->output, session->chunk,
			top_take(&top, session->chunk, n));
	} while (n > 0 && !top.done && session->output.status == STREAM_OK);
	/* A header that ends with the message still gets the line that closes a header.
	 */
	if (!top.in_body)
		multiline_put(m, &session->output, m->in_line ? "\r\n\n" : "\n",
			m->in_line ? 3 : 1);
	return session->output.status == STREAM_OK;
}

bool
session_send_message(struct session *session, const struct command *command,
	struct mail_message *message)
{
	struct multiline m = {0};
	struct session_tally *tally =
		command->verb == COMMAND_RETR ? &session->retr : &session->top;
	bool whole =
		command->verb == COMMAND_RETR
			? send_whole(session, (size_t)command->number[0] - 1, message, &m)
			: send_top(session, command->number[1], message, &m);

	tally->messages++;
	tally->octets += multiline_octets(&m);
	if (whole)
		multiline_close(&m, &session->output);
	if (whole && command->verb == COMMAND_RETR)
		session_fetched(session, (size_t)command->number[0] - 1);
	return whole;
}
