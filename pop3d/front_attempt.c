/*
 * A login attempt, from the front's side: messages between client and auth process.
 */
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "auth/base64.h"
#include "auth/credential.h"
#include "auth/mechanism.h"
#include "pop3d/clock.h"
#include "pop3d/front_state.h"
#include "pop3d/verdict.h"

static void
send_step(struct front *front, enum ipc_step kind, const void *p, size_t n)
{
	static struct ipc_message message;
	bool sent;

	ipc_begin(&message, IPC_STEP);
	ipc_put_number(&message, front->attempt);
	ipc_put_number(&message, kind);
	ipc_put_bytes(&message, p, n);
	sent = ipc_send(FRONT_CREDENTIALS, &message);
	ipc_wipe(&message);
	if (!sent)
		front_leave(front, "internal");
}

static void
ask_for_attempt(struct front *front, const char *mechanism)
{
	static struct ipc_message message;

	ipc_begin(&message, IPC_AUTH);
	ipc_put_number(&message, front->attempt);
	ipc_put_text(&message, mechanism);
	if (!ipc_send(FRONT_CONTROL, &message))
		front_leave(front, "internal");
}

static void
reply_failure(struct front *front, uint32_t result, const char *complaint)
{
	const char *code, *text = verdict_reply(result, &code);

	if (complaint != NULL)
		output_reply(&front->output, 0, NULL, complaint);
	else
		output_reply(&front->output, 0, code, text);
}

/* complaint: what was wrong with the client's words, NULL if the verdict says it all. */
static void
take_result(struct front *front, const char *complaint)
{
	static struct ipc_message message;
	uint32_t result, last;

	/* The monitor closes this channel when it takes the stream over. */
	if (ipc_receive(FRONT_CONTROL, &message) != 1 || ipc_type(&message) != IPC_RESULT)
		_exit(EX_OK);
	result = ipc_get_number(&message);
	last = ipc_get_number(&message);
	if (!ipc_end(&message))
		_exit(EX_SOFTWARE);
	reply_failure(front, result, complaint);
	if (last == 0)
		return;
	(void)output_flush(&front->output);
	front_leave(front, "attempts");
}

/*
 * Pass a challenge on, in base64 behind "+ " (RFC 5034 section 4).  False: there is none,
 * the auth process has ended.
 */
static bool
send_challenge(struct front *front)
{
	static struct ipc_message message;
	char text[BASE64_ENCODED(AUTH_CHALLENGE_MAX)];
	const unsigned char *p;
	size_t n;
	int got = ipc_receive(FRONT_CREDENTIALS, &message);

	if (got == 0)
		return false;
	if (got != 1 || ipc_type(&message) != IPC_CHALLENGE ||
		ipc_get_number(&message) != front->attempt)
		front_leave(front, "internal");
	p = ipc_get_bytes(&message, &n);
	if (!ipc_end(&message) || n > AUTH_CHALLENGE_MAX)
		front_leave(front, "internal");
	output_text(&front->output, "+ ");
	output_put(&front->output, text, base64_encode(p, n, text));
	output_text(&front->output, "\r\n");
	if (output_flush(&front->output) != STREAM_OK)
		front_leave(front, "disconnect");
	return true;
}

/* Read the answer to a challenge and pass it on; NULL, or a complaint: it is no answer.
 */
static const char *
take_answer(struct front *front)
{
	static unsigned char answer[AUTH_MESSAGE_MAX];
	enum line_status status;
	const char *complaint = NULL;
	char *text;
	size_t n, octets = 0;

	status = front_read(front, LINE_SASL_MAX, &text, &n);
	if (status == LINE_TOO_LONG)
		complaint = "Line too long";
	else if (status != LINE_OK)
		complaint = "Invalid octet in the line";
	else if (n == 1 && text[0] == '*')
		complaint = "Authentication cancelled";
	else if (!base64_decode(text, n, answer, sizeof(answer), &octets))
		complaint = "Invalid base64";
	line_wipe(&front->reader);
	send_step(front, complaint == NULL ? STEP_MESSAGE : STEP_CANCEL, answer,
		complaint == NULL ? octets : 0);
	explicit_bzero(answer, octets);
	return complaint;
}

/*
 * True if it is the monitor that speaks next, false if it is the auth process.  After a
 * verdict both may be gone: the auth process has ended, and the monitor, which may not
 * have got to it yet, takes the stream over.  A client that has reset the connection is
 * not waited for: others may be waiting for its turn.
 */
static bool
monitor_speaks(struct front *front, bool auth_ended)
{
	const struct stream *stream = &front->connection->stream;
	struct pollfd p[3] = {{.fd = FRONT_CONTROL, .events = POLLIN},
		{.fd = auth_ended ? -1 : FRONT_CREDENTIALS, .events = POLLIN},
		{.fd = stream->socket ? stream->in : -1}};
	int ready;

	do
		ready = poll(p, 3, -1);
	while (ready < 0 && errno == EINTR);
	if (ready < 0)
		front_leave(front, "internal");
	if (p[2].revents != 0)
		front_leave(front, "disconnect");
	/* A challenge stands before the verdict that may follow it. */
	return (p[1].revents & POLLIN) == 0;
}

void
front_attempt(struct front *front, const char *mechanism, enum ipc_step kind,
	const void *p, size_t n)
{
	const char *complaint = NULL;
	bool auth_ended = false;

	front->attempt++;
	/* The replies before must be out: the next one may be the session's. */
	if (output_flush(&front->output) != STREAM_OK)
		front_leave(front, "disconnect");
	send_step(front, kind, p, n);
	line_wipe(&front->reader);
	ask_for_attempt(front, mechanism);
	while (!monitor_speaks(front, auth_ended)) {
		auth_ended = !send_challenge(front);
		if (!auth_ended)
			complaint = take_answer(front);
	}
	take_result(front, complaint);
}
