/*
 * A whole session over a store in memory: messages, faults and commands come from the
 * input.  Every command gets one reply, no reply is torn unless the connection ends with
 * it, messages come as they must, and only QUIT removes anything, namely what is marked.
 *
 * The input: options, number of messages; for each its length, its faults, its octets;
 * then what the client sends.  fake_store.h has the store and its faults.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "tests/fuzz/fake_store.h"

/* The loop that serves a session is private to this file. */
#include "pop3d/session.c" /* NOLINT(bugprone-suspicious-include) */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define REPLY_MAX 512u

static struct session session;
static struct config *config;
static struct service service;
static struct connection connection;

/* What the session wrote, and what the client knows by now. */
struct dialogue {
	const char *out;
	size_t n, at;
	bool marked[FAKE_MESSAGES];
	uint64_t bad; /* replies in a row to what was no command */
	bool over;    /* the last reply was torn, or the answer to QUIT */
	bool quit;
};

static void
check(bool good)
{
	if (!good)
		abort();
}

/* One line of the output without its CRLF; NULL if there is no whole one. */
static const char *
take_line(struct dialogue *d, size_t *n)
{
	const char *line = d->out + d->at;
	const char *end = memmem(line, d->n - d->at, "\r\n", 2);

	if (end == NULL)
		return NULL;
	*n = (size_t)(end - line);
	d->at += *n + 2;
	return line;
}

static bool
is_multi_line(const struct command *command)
{
	switch (command->verb) {
	case COMMAND_CAPA:
	case COMMAND_RETR:
	case COMMAND_TOP:
		return true;
	case COMMAND_LIST:
	case COMMAND_UIDL:
		return command->numbers == 0;
	default:
		return false;
	}
}

/* Take a body, unstuffed into text; false if its end is missing. */
static bool
take_body(struct dialogue *d, struct fake_text *text)
{
	const char *line;
	size_t n;

	text->n = 0;
	while ((line = take_line(d, &n)) != NULL) {
		if (n == 1 && line[0] == '.')
			return true;
		if (n > 0 && line[0] == '.') {
			check(line[1] == '.');
			line++;
			n--;
		}
		fake_text_add(text, line, n);
		fake_text_add(text, "\r\n", 2);
	}
	/* Part of a line may be left. */
	d->at = d->n;
	return false;
}

static void
check_message(const struct command *command, const struct fake_text *body)
{
	size_t i = (size_t)command->number[0] - 1;
	static struct fake_text expected;

	check(i < fake_store.count);
	if (command->verb == COMMAND_RETR) {
		check((fake_store.messages[i].faults & FAKE_TEARS) == 0);
		fake_wire(i, &expected);
	} else if (!fake_top(i, command->number[1], &expected)) {
		return;
	}
	check(fake_text_equal(body, &expected));
}

/* LIST or UIDL: a line for each message that is not marked. */
static void
check_listing(const struct dialogue *d, const struct command *command,
	const struct fake_text *body)
{
	static struct fake_text expected;
	char line[MAIL_UID_MAX + 32], uid[MAIL_UID_MAX + 1];

	expected.n = 0;
	for (size_t i = 0; i < fake_store.count; i++) {
		if (d->marked[i])
			continue;
		fake_uid(i, uid);
		if (command->verb == COMMAND_UIDL)
			(void)snprintf(line, sizeof(line), "%zu %s\r\n", i + 1, uid);
		else
			(void)snprintf(line, sizeof(line), "%zu %" PRIu64 "\r\n", i + 1,
				fake_octets(i));
		fake_text_add(&expected, line, strlen(line));
	}
	check(fake_text_equal(body, &expected));
}

static void
check_body(struct dialogue *d, const struct command *command)
{
	static struct fake_text body;

	if (!take_body(d, &body)) {
		/* Nothing may follow what looks like a part of a message. */
		check(d->at == d->n);
		check(fake_store.faulty);
		d->over = true;
		return;
	}
	if (command->verb == COMMAND_RETR || command->verb == COMMAND_TOP)
		check_message(command, &body);
	else if (command->verb != COMMAND_CAPA && !fake_store.faulty)
		check_listing(d, command, &body);
}

/* What +OK to a command with one number, or to STAT, must say. */
static void
check_numbers(const struct dialogue *d, const struct command *command, const char *text,
	size_t n)
{
	char expected[REPLY_MAX], uid[MAIL_UID_MAX + 1];
	size_t i = (size_t)command->number[0] - 1, count = 0;
	uint64_t octets = 0;

	if (fake_store.faulty)
		return;
	for (size_t j = 0; j < fake_store.count; j++) {
		count += d->marked[j] ? 0 : 1;
		octets += d->marked[j] ? 0 : fake_octets(j);
	}
	if (command->verb == COMMAND_STAT) {
		(void)snprintf(expected, sizeof(expected), "%zu %" PRIu64, count, octets);
	} else if (command->verb == COMMAND_LIST && command->numbers == 1) {
		(void)snprintf(expected, sizeof(expected), "%zu %" PRIu64, i + 1,
			fake_octets(i));
	} else if (command->verb == COMMAND_UIDL && command->numbers == 1) {
		fake_uid(i, uid);
		(void)snprintf(expected, sizeof(expected), "%zu %s", i + 1, uid);
	} else {
		return;
	}
	check(n == strlen(expected) && memcmp(text, expected, n) == 0);
}

/* Marks as the client must believe them to be. */
static void
follow_marks(struct dialogue *d, const struct command *command, bool ok)
{
	bool named = command->numbers > 0 && command->number[0] >= 1 &&
		     command->number[0] <= fake_store.count;
	size_t i = named ? (size_t)command->number[0] - 1 : 0;

	/* A message that is marked, or was never there, cannot be named. */
	if (command->numbers > 0 && ok)
		check(named && !d->marked[i]);
	if (command->numbers > 0 && named && !d->marked[i] && !fake_store.faulty)
		check(ok);
	if (command->verb == COMMAND_DELE && ok)
		d->marked[i] = true;
	if (command->verb == COMMAND_RSET && ok)
		memset(d->marked, 0, sizeof(d->marked));
}

static bool
is_login(enum command_verb verb)
{
	return verb == COMMAND_USER || verb == COMMAND_PASS || verb == COMMAND_APOP ||
	       verb == COMMAND_AUTH;
}

static void
check_command(struct dialogue *d, const struct command *command, const char *reply,
	size_t n, bool ok)
{
	if (!command->well_formed || is_login(command->verb)) {
		check(!ok);
		d->bad++;
		return;
	}
	d->bad = 0;
	if (command->verb == COMMAND_QUIT) {
		d->quit = true;
		d->over = true;
		return;
	}
	follow_marks(d, command, ok);
	if (!ok)
		return;
	check_numbers(d, command, reply + 4, n - 4);
	if (is_multi_line(command))
		check_body(d, command);
}

/* The answer to one line of n octets, its LF included. */
static void
check_line(struct dialogue *d, const char *line, size_t n)
{
	char text[LINE_COMMAND_MAX + 1];
	struct command command;
	const char *reply;
	size_t length;
	bool ok;

	reply = take_line(d, &length);
	check(reply != NULL);
	check(length + 2 <= REPLY_MAX);
	check(memchr(reply, '\r', length) == NULL && memchr(reply, '\n', length) == NULL);
	check(memchr(reply, '\0', length) == NULL);
	ok = length >= 4 && memcmp(reply, "+OK ", 4) == 0;
	check(ok || (length >= 5 && memcmp(reply, "-ERR ", 5) == 0));
	if (n > LINE_COMMAND_MAX || memchr(line, '\0', n) != NULL ||
		memchr(line, '\r', n - 1 - (n > 1 && line[n - 2] == '\r')) != NULL) {
		check(!ok);
		d->bad++;
		return;
	}
	n -= n > 1 && line[n - 2] == '\r' ? 2 : 1;
	memcpy(text, line, n);
	text[n] = '\0';
	command_parse(&command, text, n);
	check_command(d, &command, reply, length, ok);
}

static void
check_end(const struct dialogue *d)
{
	check(d->at == d->n);
	check(fake_store.closed == 1);
	check(fake_store.loads <= 1 || fake_store.faulty);
	if (!d->quit) {
		check(fake_store.updates == 0);
		return;
	}
	check(fake_store.updates <= 1);
	for (size_t i = 0; i < fake_store.count; i++) {
		bool removed = fake_store.updates == 1 &&
			       (fake_store.deleted[i / 8] & 1u << i % 8) != 0;
		check(removed == d->marked[i]);
	}
}

/* All that the session has written against all that the client has sent. */
static void
check_dialogue(const char *out, size_t n, const char *sent, size_t sent_n)
{
	struct dialogue d = {.out = out, .n = n};

	while (!d.over && d.bad < config->limits.bad_commands) {
		const char *end = memchr(sent, '\n', sent_n);

		if (end == NULL)
			break;
		check_line(&d, sent, (size_t)(end - sent) + 1);
		sent_n -= (size_t)(end - sent) + 1;
		sent = end + 1;
	}
	check_end(&d);
}

/* A file that is empty, or holds n octets and is read from its start. */
static void
fill_file(int *fd, const void *p, size_t n)
{
	if (*fd < 0)
		*fd = memfd_create("stream", MFD_CLOEXEC);
	check(*fd >= 0);
	check(ftruncate(*fd, 0) == 0 && lseek(*fd, 0, SEEK_SET) == 0);
	check(write(*fd, p, n) == (ssize_t)n);
	check(lseek(*fd, 0, SEEK_SET) == 0);
}

static void
start_session(uint8_t options, int in, int out)
{
	memset(&session, 0, sizeof(session));
	memset(&connection, 0, sizeof(connection));
	if (config == NULL)
		config = config_new();
	check(config != NULL);
	config->limits.bad_commands = (options & FAKE_FEW_BAD) != 0 ? 2 : 1000;
	config->limits.octets = (options & FAKE_OCTETS_LIMIT) != 0 ? 100 : 0;
	service.config = config;
	connection.service = &service;
	stream_init(&connection.stream, in, out);
	session.connection = &connection;
	mail_policy_of_all(&session.policy, config);
	session.user = "jo";
	session.mechanism = "USER";
	session.ops = &fake_ops;
	session.store = &fake_store.store;
	output_init(&session.output, &connection.stream, 1, session.output_buf,
		sizeof(session.output_buf));
	line_reader_init(&session.reader, &connection.stream, true);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static int in = -1, out = -1;
	size_t used = fake_store_read(data, size);
	char *written;
	off_t n;

	fill_file(&in, data + used, size - used);
	fill_file(&out, "", 0);
	start_session(size > 0 ? data[0] : 0, in, out);
	while (serve_line(&session))
		;
	if (session.store != NULL)
		session.ops->close(session.store);
	/* A torn message stops in the buffer: what stands there is looked at as well. */
	check(output_flush(&session.output) == STREAM_OK);
	n = lseek(out, 0, SEEK_END);
	check(n >= 0);
	written = malloc((size_t)n + 1);
	check(written != NULL);
	check(pread(out, written, (size_t)n, 0) == n);
	check_dialogue(written, (size_t)n, (const char *)data + used, size - used);
	free(written);
	free(session.deleted);
	free(session.expired);
	free(session.gone);
	free(session.sized);
	fake_store_free();
	return 0;
}
