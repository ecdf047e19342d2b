/*
 * The log: one line of key=value pairs per event.
 *
 * A process that has no log of its own (the front) hands its lines to a sink.  Whatever
 * comes from a client goes through the encoder in here, so that no line can be forged.
 */
#ifndef LOG_H
#define LOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <syslog.h>

/*
 * Octets of a line: room for the longest user name, each octet escaped, a proxy's
 * session, and all else that login-failed says before what TLS tells.  A pair that finds
 * no room is left out, or its value cut.
 */
#define LOG_TEXT_MAX 2048

struct log_line {
	char text[LOG_TEXT_MAX];
	size_t n;
};

/*
 * Open the log: target is `syslog`, `stderr` or `file:PATH`.  may_use_stderr is false
 * where fd 2 belongs to the client.  Returns NULL, or a constant text that says what
 * failed; then the log goes to stderr or syslog, whichever may be used.
 */
const char *log_open(const char *target, uint64_t level, bool may_use_stderr);

/* Hand all lines to sink instead; used in the front. */
void log_set_sink(void (*sink)(int priority, const char *text));

/* Write a finished line of another process as it is. */
void log_raw(int priority, const char *text);

/* Build and write an event. */
void log_begin(struct log_line *line, const char *event);
void log_text(struct log_line *line, const char *key, const char *value);
void log_number(struct log_line *line, const char *key, uint64_t value);
void log_pair(
	struct log_line *line, const char *key, uint64_t a, uint64_t b); /* key=a/b */
void log_end(struct log_line *line, int priority);

/* event=error|warning|info|debug message="...": for administrators to read. */
void log_message(int priority, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

#endif
