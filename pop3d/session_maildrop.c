#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pop3d/clock.h"
#include "pop3d/session_state.h"

static bool
get_bit(const unsigned char *bits, size_t i)
{
	return (bits[i / 8] & (1u << (i % 8))) != 0;
}

static void
set_bit(unsigned char *bits, size_t i)
{
	bits[i / 8] = (unsigned char)(bits[i / 8] | 1u << (i % 8));
}

bool
session_keep(struct session *session)
{
	if (!session->lost && session->store != NULL)
		session->lost = session->ops->keep(session->store) == MAIL_BUSY;
	return !session->lost;
}

static bool
keep_waiting(void *cookie)
{
	return session_keep(cookie);
}

void
session_keep_waiting(struct session *session, uint64_t lease)
{
	struct stream *stream = session->output.stream;

	stream->tick = keep_waiting;
	stream->tick_cookie = session;
	stream->tick_seconds = lease / 6;
	stream->tick_at = clock_after(stream->tick_seconds);
}

enum mail_status
session_load(struct session *session)
{
	enum mail_status status;

	if (session->loaded)
		return MAIL_OK;
	status = session->ops->load(session->store, &session->count);
	if (status != MAIL_OK)
		return status;
	session->deleted = calloc(session->count / 8 + 1, 1);
	session->expired = calloc(session->count / 8 + 1, 1);
	session->gone = calloc(session->count / 8 + 1, 1);
	session->sized = calloc(session->count / 8 + 1, 1);
	if (session->deleted == NULL || session->expired == NULL ||
		session->gone == NULL || session->sized == NULL)
		return MAIL_TEMP;
	session->left = session->count;
	session->loaded = true;
	return MAIL_OK;
}

bool
session_is_listed(const struct session *session, size_t i)
{
	return !get_bit(session->deleted, i) && !get_bit(session->gone, i);
}

enum mail_status
session_octets(struct session *session, size_t i, uint64_t *octets)
{
	enum mail_status status = session->ops->octets(session->store, i, octets);

	/* One file that the user may not read must not bar the way to all the others. */
	if (status == MAIL_PERM)
		status = MAIL_GONE;
	if (status == MAIL_GONE)
		set_bit(session->gone, i);
	if (status == MAIL_OK)
		set_bit(session->sized, i);
	return status;
}

static bool
is_whole(const struct session *session)
{
	for (size_t i = 0; i < session->count / 8 + 1; i++)
		if (session->deleted[i] != 0 || session->gone[i] != 0)
			return false;
	return true;
}

enum mail_status
session_measure(struct session *session, size_t *count, uint64_t *octets)
{
	const uint64_t limit = session->connection->service->config->limits.octets;

	if (is_whole(session) && session->ops->total(session->store, octets)) {
		memset(session->sized, 0xFF, session->count / 8 + 1);
		*count = session->count;
		return limit != 0 && *octets > limit ? MAIL_LIMIT : MAIL_OK;
	}
	*count = 0;
	*octets = 0;
	for (size_t i = 0; i < session->count; i++) {
		enum mail_status status;
		uint64_t size;

		if (!session_is_listed(session, i))
			continue;
		if (!session_keep(session))
			return MAIL_BUSY;
		status = session_octets(session, i, &size);
		if (status == MAIL_GONE)
			continue;
		if (status != MAIL_OK)
			return status;
		*count += 1;
		*octets += size;
	}
	/* A store that knows sizes only by reading messages cannot tell when it is
	 * opened. */
	return limit != 0 && *octets > limit ? MAIL_LIMIT : MAIL_OK;
}

void
session_mark(struct session *session, size_t i)
{
	set_bit(session->deleted, i);
}

void
session_unmark_all(struct session *session)
{
	memset(session->deleted, 0, session->count / 8 + 1);
}

/* For the log: octets count where they are known, finding them out is not worth a read.
 */
static void
tally(struct session *session, const unsigned char *bits, struct session_tally *tally)
{
	for (size_t i = 0; i < session->count; i++) {
		uint64_t octets;

		if (!get_bit(bits, i))
			continue;
		tally->messages++;
		if (get_bit(session->sized, i) &&
			session->ops->octets(session->store, i, &octets) == MAIL_OK)
			tally->octets += octets;
	}
}

/* Of those removed, which may not be all, as many were marked as there were marks. */
static void
tally_removed(struct session *session, size_t removed)
{
	if (session->dele.messages > removed)
		session->dele.messages = removed;
	session->expiry.messages = removed - session->dele.messages;
}

static enum mail_status
remove_all(struct session *session, size_t *removed)
{
	enum mail_status status = session_expire(session);
	bool expires;

	if (status == MAIL_BUSY)
		return status;
	tally(session, session->deleted, &session->dele);
	tally(session, session->expired, &session->expiry);
	expires = session->expiry.messages > 0;
	for (size_t i = 0; i < session->count / 8 + 1; i++)
		session->deleted[i] |= session->expired[i];
	status = session->ops->update(session->store, session->deleted, removed);
	/* The client has asked for nothing; the next session will see to it. */
	if (expires && session->dele.messages == 0 && status != MAIL_BUSY)
		return MAIL_OK;
	return status;
}

enum mail_status
session_update(struct session *session)
{
	enum mail_status status = MAIL_OK;
	size_t removed = 0;

	/* A maildrop that was never numbered has no marks, and need not be touched. */
	if (session->loaded) {
		status = remove_all(session, &removed);
		if (status == MAIL_BUSY)
			(void)session_keep(session);
	}
	tally_removed(session, removed);
	session->left = session->count - removed;
	session->ops->close(session->store);
	session->store = NULL;
	return status;
}

static void
set_fault(struct session_reply *reply, const char *code, const char *text)
{
	reply->code = code;
	(void)snprintf(reply->text, sizeof(reply->text), "%s", text);
}

enum session_event
session_fault(struct session_reply *reply, enum mail_status status)
{
	switch (status) {
	case MAIL_BUSY:
		set_fault(reply, "IN-USE", "Maildrop is in use by another session");
		break;
	case MAIL_EARLY:
		set_fault(reply, "LOGIN-DELAY",
			"You have logged in not long ago, try again later");
		break;
	case MAIL_GONE:
		set_fault(reply, NULL, "Message is no longer there");
		break;
	case MAIL_CHANGED:
		set_fault(reply, NULL, "Maildrop was changed by another program");
		break;
	case MAIL_LIMIT:
		set_fault(
			reply, "SYS/PERM", "Maildrop is over the limits of this server");
		break;
	case MAIL_PERM:
		set_fault(reply, "SYS/PERM",
			"Maildrop cannot be used, see the server's log");
		break;
	case MAIL_OK:
	case MAIL_TEMP:
		set_fault(reply, "SYS/TEMP",
			"Maildrop cannot be used for now, try again later");
		break;
	}
	return SESSION_ERR;
}
