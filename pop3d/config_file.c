/*
 * Reading a configuration file: inih takes lines apart, this counts and checks them.
 */
#include <errno.h>
#include <ini.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "pop3d/config_keys.h"

#define LINE_MAX_OCTETS 4096

/* One file while it is read. */
struct reading {
	struct config *config;
	const struct config_report *report;
	const char *path;
	FILE *file;
	int line;
	int set_on[CONFIG_KEYS_MAX]; /* line on which a key of the table was set, 0: not
					yet */
	bool good;
};

static void
reading_origin(const struct reading *reading, char *origin, size_t size)
{
	(void)snprintf(origin, size, "%s:%d", reading->path, reading->line);
}

/* inih's handler: it cannot tell the line, so the reader below counts them. */
static int
take_value(void *user, const char *section, const char *name, const char *value)
{
	struct reading *reading = user;
	const struct config_key *key;
	char origin[PATH_MAX + 32];

	reading_origin(reading, origin, sizeof(origin));
	if (!config_set(reading->config, section, name, value, origin, reading->report,
		    &key)) {
		reading->good = false;
		return 1;
	}
	if (key == NULL)
		return 1;
	int *set_on = &reading->set_on[key - config_keys];
	if (*set_on != 0) {
		config_problem(reading->report, origin,
			"%s.%s is set a second time, first on line %d", section, name,
			*set_on);
		reading->good = false;
	}
	*set_on = reading->line;
	return 1;
}

/* inih tells of the first line that it cannot read; here every one is found. */
static bool
is_readable(const char *line)
{
	line += strspn(line, " \t\r");
	if (*line == '\0' || *line == '#' || *line == ';')
		return true;
	if (*line == '[')
		return strchr(line, ']') != NULL;
	return line[strcspn(line, "=:#")] != '\0' && line[strcspn(line, "=:#")] != '#';
}

/* inih's reader: one line a call, cut where it is too long for inih. */
static char *
next_line(char *text, int size, void *stream)
{
	struct reading *reading = stream;
	char origin[PATH_MAX + 32];
	int n = 0, c = EOF;
	bool odd = false, cut = false;

	while ((c = getc(reading->file)) != EOF && c != '\n') {
		odd = odd || c == '\0';
		if (n < size - 1)
			text[n++] = (char)c;
		else
			cut = true;
	}
	if (c == EOF && n == 0)
		return NULL;
	text[n] = '\0';
	reading->line++;
	if (!odd && !cut && is_readable(text))
		return text;
	reading_origin(reading, origin, sizeof(origin));
	config_problem(reading->report, origin, "%s",
		odd   ? "a NUL byte in the line"
		: cut ? "line too long"
		      : "neither [section] nor key = value");
	reading->good = false;
	text[0] = '\0';
	return text;
}

/* Who can write the file decides where root writes its log. */
static const char *
unsafe(FILE *file)
{
	struct stat st;

	if (fstat(fileno(file), &st) != 0)
		return "cannot be looked at";
	if (S_ISDIR(st.st_mode))
		return "is a directory";
	if (!S_ISREG(st.st_mode))
		return NULL;
	if (st.st_uid != 0 && st.st_uid != geteuid())
		return "must be owned by root";
	return (st.st_mode & 022) != 0 ? "must be writable by its owner alone" : NULL;
}

static void
set_syntax(void)
{
	static char comment[] = "#";

	ini_inline_comment_prefixes = comment;
	ini_allow_multiline = false;
	ini_max_line = LINE_MAX_OCTETS;
}

bool
config_read(struct config *config, const char *path, const struct config_report *report)
{
	struct reading reading = {
		.config = config, .report = report, .path = path, .good = true};
	const char *wrong;
	int failed;

	reading.file = fopen(path, "re");
	if (reading.file == NULL) {
		config_problem(report, path, "%s", strerror(errno));
		return false;
	}
	wrong = unsafe(reading.file);
	if (wrong != NULL) {
		config_problem(report, path, "%s", wrong);
		reading.good = false;
	}
	set_syntax();
	failed = ini_parse_stream(next_line, &reading, take_value, &reading);
	if (failed != 0) {
		reading.line = failed;
		char origin[PATH_MAX + 32];
		reading_origin(&reading, origin, sizeof(origin));
		config_problem(report, origin, "neither [section] nor key = value");
	}
	if (ferror(reading.file)) {
		config_problem(report, path, "%s", strerror(errno));
		reading.good = false;
	}
	(void)fclose(reading.file);
	return reading.good && failed == 0;
}
