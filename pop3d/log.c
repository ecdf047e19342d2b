#include "pop3d/log.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum target { TARGET_NONE, TARGET_SYSLOG, TARGET_STDERR, TARGET_JOURNAL, TARGET_FILE };

static enum target log_target = TARGET_NONE;
static int log_file = -1;
static int log_level = LOG_INFO;
static void (*log_sink)(int priority, const char *text);

static void
open_syslog(void)
{
	/* Both read files that a chroot hides later. */
	tzset();
	openlog("pop3d", LOG_PID | LOG_NDELAY, LOG_MAIL);
	log_target = TARGET_SYSLOG;
}

static void
open_stderr(void)
{
	/* systemd says so when fd 2 goes to the journal, which reads a <N> prefix. */
	log_target = getenv("JOURNAL_STREAM") != NULL ? TARGET_JOURNAL : TARGET_STDERR;
}

const char *
log_open(const char *target, uint64_t level, bool may_use_stderr)
{
	const char *wrong = NULL;

	log_level = (int)level;
	if (strncmp(target, "file:", 5) == 0) {
		log_file = open(target + 5,
			O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY, 0640);
		log_target = TARGET_FILE;
		if (log_file >= 0)
			return NULL;
		wrong = "the log file cannot be opened";
	}
	if (may_use_stderr && (strcmp(target, "stderr") == 0 || wrong != NULL)) {
		open_stderr();
		return wrong;
	}
	/* A container without a syslog daemon still has someone reading its stderr. */
	if (may_use_stderr && access("/dev/log", F_OK) != 0) {
		open_stderr();
		return "there is no syslog socket, logging to stderr";
	}
	open_syslog();
	return wrong;
}

void
log_set_sink(void (*sink)(int priority, const char *text))
{
	log_sink = sink;
}

static void
write_line(int fd, const char *prefix, const char *text)
{
	char line[LOG_TEXT_MAX + 128];
	int n = snprintf(line, sizeof(line), "%s%s\n", prefix, text);

	/* One write, so that lines of several processes do not mix; a full disk loses
	 * lines. */
	if (n > 0 && (size_t)n < sizeof(line) && write(fd, line, (size_t)n) != n)
		return;
}

static void
write_file(const char *text)
{
	char prefix[64];
	time_t now = time(NULL);
	struct tm tm;
	size_t n = 0;

	if (gmtime_r(&now, &tm) != NULL)
		n = strftime(prefix, sizeof(prefix), "%Y-%m-%dT%H:%M:%SZ ", &tm);
	(void)snprintf(prefix + n, sizeof(prefix) - n, "pop3d[%ld]: ", (long)getpid());
	write_line(log_file, prefix, text);
}

void
log_raw(int priority, const char *text)
{
	char prefix[32];

	if (priority > log_level)
		return;
	if (log_sink != NULL) {
		log_sink(priority, text);
		return;
	}
	switch (log_target) {
	case TARGET_NONE:
		break;
	case TARGET_SYSLOG:
		syslog(LOG_MAIL | priority, "%s", text);
		break;
	case TARGET_STDERR:
		(void)snprintf(prefix, sizeof(prefix), "pop3d[%ld]: ", (long)getpid());
		write_line(STDERR_FILENO, prefix, text);
		break;
	case TARGET_JOURNAL:
		(void)snprintf(prefix, sizeof(prefix), "<%d>", priority);
		write_line(STDERR_FILENO, prefix, text);
		break;
	case TARGET_FILE:
		write_file(text);
		break;
	}
}

/* Room is kept for the closing quote that quoted values need. */
static void
append(struct log_line *line, const char *p, size_t n)
{
	if (line->n + n > sizeof(line->text) - 2)
		return;
	memcpy(line->text + line->n, p, n);
	line->n += n;
}

static bool
is_plain(unsigned char c)
{
	return c > 0x20 && c < 0x7f && c != '"' && c != '\\' && c != '=';
}

void
log_begin(struct log_line *line, const char *event)
{
	line->n = 0;
	append(line, "event=", 6);
	append(line, event, strlen(event));
}

/* False if a value of so many octets would find no room behind the key. */
static bool
append_key(struct log_line *line, const char *key, size_t value)
{
	size_t n = strlen(key);

	if (line->n + n + 2 + value > sizeof(line->text) - 2)
		return false;
	append(line, " ", 1);
	append(line, key, n);
	append(line, "=", 1);
	return true;
}

static void
append_quoted(struct log_line *line, const char *value)
{
	append(line, "\"", 1);
	for (const char *p = value; *p != '\0'; p++) {
		unsigned char c = (unsigned char)*p;
		char escaped[8];
		int n;

		if (is_plain(c) || c == ' ' || c == '=')
			n = snprintf(escaped, sizeof(escaped), "%c", c);
		else if (c == '"' || c == '\\')
			n = snprintf(escaped, sizeof(escaped), "\\%c", c);
		else
			n = snprintf(escaped, sizeof(escaped), "\\x%02x", c);
		append(line, escaped, (size_t)n);
	}
	/* append() leaves two octets free: one is for this, the other for the NUL. */
	if (line->n < sizeof(line->text) - 1)
		line->text[line->n++] = '"';
}

void
log_text(struct log_line *line, const char *key, const char *value)
{
	bool plain = value[0] != '\0';

	for (const char *p = value; *p != '\0' && plain; p++)
		plain = is_plain((unsigned char)*p);
	if (!append_key(line, key, sizeof("\"\"") - 1))
		return;
	if (plain && line->n + strlen(value) <= sizeof(line->text) - 2)
		append(line, value, strlen(value));
	else
		append_quoted(line, value);
}

void
log_number(struct log_line *line, const char *key, uint64_t value)
{
	char text[24];
	int n = snprintf(text, sizeof(text), "%" PRIu64, value);

	if (append_key(line, key, (size_t)n))
		append(line, text, (size_t)n);
}

void
log_pair(struct log_line *line, const char *key, uint64_t a, uint64_t b)
{
	char text[48];
	int n = snprintf(text, sizeof(text), "%" PRIu64 "/%" PRIu64, a, b);

	if (append_key(line, key, (size_t)n))
		append(line, text, (size_t)n);
}

void
log_end(struct log_line *line, int priority)
{
	line->text[line->n] = '\0';
	log_raw(priority, line->text);
}

static const char *
priority_word(int priority)
{
	if (priority <= LOG_ERR)
		return "error";
	if (priority == LOG_WARNING)
		return "warning";
	return priority == LOG_DEBUG ? "debug" : "info";
}

void
log_message(int priority, const char *format, ...)
{
	char text[LOG_TEXT_MAX / 2];
	struct log_line line;
	va_list arguments;

	va_start(arguments, format);
	(void)vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	log_begin(&line, priority_word(priority));
	log_text(&line, "message", text);
	log_end(&line, priority);
}
