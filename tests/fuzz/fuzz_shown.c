/*
 * What strangers wrote, where people and programs read it: values in a line of the log
 * read back as what they were, under the keys that were meant; and what a mail says does
 * nothing to a terminal.
 *
 * The first octet says which; then values up to a NUL each, or a message.
 */
#include <stdlib.h>
#include <string.h>

#include "pop3d/ctl/mailbox_header.h"
#include "pop3d/ctl/printable.h"
#include "pop3d/log.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define VALUES 4u

/* The line as it was written. */
static char written[LOG_TEXT_MAX + 1];

static void
check(bool good)
{
	if (!good)
		abort();
}

static void
keep_line(int priority, const char *text)
{
	check(priority == LOG_INFO && strlen(text) <= LOG_TEXT_MAX);
	memcpy(written, text, strlen(text) + 1);
}

static int
hex(char c)
{
	return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* One octet of a quoted value; returns what follows. */
static const char *
read_octet(const char *p, char *octet)
{
	check((unsigned char)*p >= 0x20 && (unsigned char)*p < 0x7f);
	*octet = *p;
	if (*p != '\\')
		return p + 1;
	if (p[1] == '\\' || p[1] == '"') {
		*octet = p[1];
		return p + 2;
	}
	check(p[1] == 'x' && hex(p[2]) >= 0 && hex(p[3]) >= 0);
	*octet = (char)(hex(p[2]) * 16 + hex(p[3]));
	return p + 4;
}

/* A value up to the blank behind it, or the end; returns how many octets it has. */
static size_t
read_value(const char **line, char value[LOG_TEXT_MAX])
{
	const char *p = *line;
	bool quoted = *p == '"';
	size_t n = 0;

	p += quoted;
	while (*p != '\0' && *p != (quoted ? '"' : ' ')) {
		check(quoted || (*p != '"' && *p != '=' && *p != '\\'));
		p = read_octet(p, &value[n++]);
	}
	check(!quoted || *p == '"');
	*line = p + quoted;
	check(quoted || n > 0);
	return n;
}

/* Whoever reads the line finds each key once, in order, and the values in full while
 * there is room; of one that is cut nothing is made up. */
static void
read_line(char *const values[VALUES])
{
	static char value[LOG_TEXT_MAX];
	const char *p = written, *rest;
	size_t i = 0, n;

	check(strncmp(p, "event=shown", 11) == 0);
	for (p += 11; *p != '\0'; i++) {
		/* What had no room is left out, key and all. */
		while (i < VALUES && p[2] != (char)('a' + (char)i))
			i++;
		check(i < VALUES && p[0] == ' ' && p[1] == 'k' && p[3] == '=');
		p += 4;
		n = read_value(&p, value);
		rest = values[i];
		for (size_t k = 0; k < n; k++, rest++) {
			rest = strchr(rest, value[k]);
			check(rest != NULL && value[k] != '\0');
		}
		if (strlen(written) < LOG_TEXT_MAX / 2)
			check(n == strlen(values[i]) && memcmp(value, values[i], n) == 0);
	}
	check(i == VALUES || strlen(written) >= LOG_TEXT_MAX / 2);
}

static void
values_come(const uint8_t *data, size_t size)
{
	static const char *const keys[VALUES] = {"ka", "kb", "kc", "kd"};
	char *values[VALUES];
	struct log_line line;

	log_set_sink(keep_line);
	log_begin(&line, "shown");
	for (size_t i = 0; i < VALUES; i++) {
		size_t n = size > 0 ? strnlen((const char *)data, size) : 0;

		values[i] = strndup((const char *)data, n);
		check(values[i] != NULL);
		log_text(&line, keys[i], values[i]);
		n += n < size;
		data += n;
		size -= n;
	}
	log_end(&line, LOG_INFO);
	read_line(values);
	for (size_t i = 0; i < VALUES; i++)
		free(values[i]);
}

/* No octet of C0, and of C1 in UTF-8; nothing but whole characters. */
static void
check_shown(const char *text, size_t size, size_t max, size_t count)
{
	size_t characters = 0;

	check(strlen(text) < size && count <= max);
	for (const unsigned char *p = (const unsigned char *)text; *p != '\0'; p++) {
		check(*p >= 0x20 && *p != 0x7f);
		check(*p != 0xc2 || p[1] >= 0xa0);
		characters += (*p & 0xc0) != 0x80;
	}
	check(characters == count);
}

static void
message_comes(const uint8_t *data, size_t size, size_t room)
{
	/* Its size is exact, so that the sanitizers see an octet too many. */
	char *text = malloc(room);
	const unsigned char *value;
	size_t n, count;

	check(text != NULL);
	count = printable_copy(text, room, 40, data, size);
	check_shown(text, room, 40, count);
	if (mailbox_header_find(data, size, "Subject", &value, &n)) {
		check(value >= data && value + n <= data + size);
		count = mailbox_header_print(text, room, 60, value, n);
		check_shown(text, room, 60, count);
	}
	free(text);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size < 2)
		return 0;
	if (data[0] % 2 == 0)
		values_come(data + 1, size - 1);
	else
		message_comes(data + 2, size - 2, 1u + data[1]);
	return 0;
}
