#include "auth/userfile.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "auth/credential.h"
#include "auth/mail_words.h"
#include "auth/nets.h"

/* The fields before the extra one. */
enum field { USER, PASSWORD, UID, GID, GECOS, HOME, SHELL, FIELDS };

bool
userfile_is_entry(struct auth_span line)
{
	return line.n > 0 && line.p[0] != '#' && line.p[0] != ':';
}

/* Cut what stands before the first `separator` off the front of text. */
static struct auth_span
span_cut(struct auth_span *text, char separator)
{
	const unsigned char *end =
		text->n > 0 ? memchr(text->p, separator, text->n) : NULL;
	struct auth_span head = *text;

	if (end == NULL) {
		text->p += text->n;
		text->n = 0;
		return head;
	}
	head.n = (size_t)(end - head.p);
	text->p = end + 1;
	text->n -= head.n + 1;
	return head;
}

static bool
span_is(struct auth_span span, const char *text)
{
	return span.n == strlen(text) && memcmp(span.p, text, span.n) == 0;
}

struct auth_span
userfile_name(struct auth_span line)
{
	return span_cut(&line, ':');
}

/* A user or group number.  All ones means "none" to the kernel and is refused. */
static bool
id_parse(struct auth_span text, uint32_t *id)
{
	return mail_words_digits(text, UINT32_MAX - 1, id);
}

static const char *
extra_parse(struct auth_span word, struct userfile_entry *entry)
{
	struct auth_span value = word;
	struct auth_span key = span_cut(&value, '=');

	if (span_is(key, "userdb_mail"))
		entry->mail = value;
	else if (span_is(key, "userdb_home"))
		entry->home = value;
	else if (span_is(key, "userdb_uid") && !id_parse(value, &entry->uid))
		return "userdb_uid is not a number";
	else if (span_is(key, "userdb_gid") && !id_parse(value, &entry->gid))
		return "userdb_gid is not a number";
	else if (span_is(key, "userdb_login_delay") &&
		 !mail_words_number(value, &entry->login_delay))
		return "userdb_login_delay is not a number of seconds";
	else if (span_is(key, "userdb_expire") &&
		 !mail_words_expire(value, &entry->expire))
		return "userdb_expire is neither a number of days nor \"never\"";
	else if (span_is(key, "nologin"))
		entry->nologin = true;
	else if (span_is(key, "nopassword"))
		entry->nopassword = true;
	else if (span_is(key, "user"))
		entry->login = value;
	else if (span_is(key, "scram"))
		entry->scram = value;
	else if (span_is(key, "allow_nets"))
		entry->allow_nets = value;
	else if (span_is(key, "allow_real_nets"))
		entry->allow_real_nets = value;
	return NULL;
}

static const char *
extras_parse(struct auth_span extra, struct userfile_entry *entry)
{
	const char *fault = NULL;

	/* Dovecot's old form has an empty field here, and the mail location behind it. */
	if (extra.n > 0 && extra.p[0] == ':') {
		entry->mail.p = extra.p + 1;
		entry->mail.n = extra.n - 1;
		return NULL;
	}
	while (extra.n > 0 && fault == NULL)
		fault = extra_parse(span_cut(&extra, ' '), entry);
	return fault;
}

/* A list that is not understood must not let anybody in, nor silently keep all out. */
static const char *
nets_check(const struct userfile_entry *entry)
{
	if ((entry->allow_nets.p != NULL && !nets_are_valid(entry->allow_nets)) ||
		(entry->allow_real_nets.p != NULL &&
			!nets_are_valid(entry->allow_real_nets)))
		return "allow_nets is not a list of networks";
	return NULL;
}

const char *
userfile_parse(struct auth_span line, struct userfile_entry *entry)
{
	struct auth_span field[FIELDS];
	const char *fault;

	memset(entry, 0, sizeof(*entry));
	entry->uid = (uid_t)-1;
	entry->gid = (gid_t)-1;
	entry->login_delay = AUTH_UNSET;
	entry->expire = AUTH_UNSET;
	if (line.n > USERFILE_LINE_MAX)
		return "line too long";
	if (!credential_is_printable(line.p, line.n))
		return "control byte in the line";
	for (int i = 0; i < FIELDS; i++)
		field[i] = span_cut(&line, ':');
	if (!credential_is_user(field[USER].p, field[USER].n))
		return "user name is empty or too long";
	entry->user = field[USER];
	entry->password = field[PASSWORD];
	entry->home = field[HOME];
	if (field[UID].n > 0 && !id_parse(field[UID], &entry->uid))
		return "uid is not a number";
	if (field[GID].n > 0 && !id_parse(field[GID], &entry->gid))
		return "gid is not a number";
	fault = extras_parse(line, entry);
	if (fault != NULL)
		return fault;
	if (entry->home.n > AUTH_PATH_MAX ||
		(entry->home.n > 0 && entry->home.p[0] != '/'))
		return "home is not absolute or too long";
	if (entry->mail.n > AUTH_PATH_MAX)
		return "mail location is too long";
	if (entry->login.p != NULL && !credential_is_user(entry->login.p, entry->login.n))
		return "user= is empty or too long";
	return nets_check(entry);
}

void
userfile_start(struct userfile_reader *reader, int fd)
{
	reader->fd = fd;
	reader->chunk = USERFILE_BUFFER;
	reader->offset = 0;
	reader->number = 0;
	reader->line_start = 0;
	reader->line_end = 0;
	reader->start = 0;
	reader->end = 0;
	reader->skipping = false;
	reader->eof = false;
}

void
userfile_wipe(struct userfile_reader *reader)
{
	explicit_bzero(reader->buffer, reader->offset < (off_t)USERFILE_BUFFER
					       ? (size_t)reader->offset
					       : USERFILE_BUFFER);
}

static bool
fill(struct userfile_reader *reader)
{
	size_t kept = reader->end - reader->start;
	size_t room = USERFILE_BUFFER - kept;
	ssize_t n;

	memmove(reader->buffer, reader->buffer + reader->start, kept);
	reader->start = 0;
	reader->end = kept;
	if (room > reader->chunk)
		room = reader->chunk;
	do
		n = pread(reader->fd, reader->buffer + kept, room, reader->offset);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return false;
	reader->offset += n;
	reader->end += (size_t)n;
	reader->eof = n == 0;
	return true;
}

/* Consume n octets of the buffer, `ending` of them being LF, as the next line. */
static enum userfile_status
line_take(struct userfile_reader *reader, size_t n, size_t ending, struct auth_span *line)
{
	reader->number++;
	reader->line_start = reader->offset - (off_t)(reader->end - reader->start);
	reader->line_end = reader->line_start + (off_t)n;
	line->p = reader->buffer + reader->start;
	line->n = n - ending;
	reader->start += n;
	if (line->n > 0 && line->p[line->n - 1] == '\r')
		line->n--;
	if (line->n <= USERFILE_LINE_MAX)
		return USERFILE_LINE;
	reader->skipping = ending == 0;
	line->n = USERFILE_LINE_MAX;
	return USERFILE_LONG;
}

/* Drop the rest of a long line, or as much of it as is in the buffer. */
static void
long_line_skip(struct userfile_reader *reader)
{
	size_t have = reader->end - reader->start;
	const unsigned char *start = reader->buffer + reader->start;
	const unsigned char *lf = have > 0 ? memchr(start, '\n', have) : NULL;

	reader->start += lf != NULL ? (size_t)(lf - start) + 1 : have;
	reader->skipping = lf == NULL;
}

/* Octets of the line at the front of the buffer, 0 if more must be read to tell. */
static size_t
line_measure(const struct userfile_reader *reader, size_t *ending)
{
	size_t have = reader->end - reader->start;
	const unsigned char *start = reader->buffer + reader->start;
	const unsigned char *lf = have > 0 ? memchr(start, '\n', have) : NULL;

	*ending = lf != NULL;
	if (lf != NULL)
		return (size_t)(lf - start) + 1;
	/* One octet over the limit may still be the CR of a CRLF. */
	return reader->eof || have > USERFILE_LINE_MAX + 1 ? have : 0;
}

enum userfile_status
userfile_next(struct userfile_reader *reader, struct auth_span *line)
{
	size_t n, ending;

	for (;;) {
		if (reader->skipping)
			long_line_skip(reader);
		n = reader->skipping ? 0 : line_measure(reader, &ending);
		if (n > 0)
			return line_take(reader, n, ending, line);
		if (reader->eof)
			return USERFILE_END;
		if (!fill(reader))
			return USERFILE_ERROR;
	}
}

enum userfile_status
userfile_find(struct userfile_reader *reader, const char *user, struct auth_span *line)
{
	size_t n = strlen(user);
	enum userfile_status status;

	for (;;) {
		status = userfile_next(reader, line);
		if (status != USERFILE_LINE && status != USERFILE_LONG)
			return status;
		if (line->n < n || !userfile_is_entry(*line))
			continue;
		if (memcmp(line->p, user, n) != 0)
			continue;
		/* Compare the whole name: `user` may hold a ':' itself. */
		if (userfile_name(*line).n == n)
			return status;
	}
}
