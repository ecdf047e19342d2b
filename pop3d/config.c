#include "pop3d/config.h"

#include <errno.h>
#include <ini.h>
#include <limits.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "pop3d/config_keys.h"

#define LINE_MAX_OCTETS 4096
#define KEYS_MAX 64
#define MODULE_SECTION "auth."
#define MODULE_SECTION_LENGTH (sizeof(MODULE_SECTION) - 1)

struct config_module_value {
	struct config_module_value *next;
	char *module;
	char *key;
	char *value;
	char *origin; /* where it was set, for messages */
};

/* One file while it is read. */
struct reading {
	struct config *config;
	const struct config_report *report;
	const char *path;
	FILE *file;
	int line;
	int set_on[KEYS_MAX]; /* line on which a key of the table was set, 0: not yet */
	bool good;
};

static void report_problem(const struct config_report *report, const char *origin,
	const char *format, ...) __attribute__((format(printf, 3, 4)));

static void
report_problem(
	const struct config_report *report, const char *origin, const char *format, ...)
{
	char text[512];
	va_list arguments;
	int n = snprintf(text, sizeof(text), "%s: ", origin);

	if (n < 0 || (size_t)n >= sizeof(text))
		n = 0;
	va_start(arguments, format);
	(void)vsnprintf(text + n, sizeof(text) - (size_t)n, format, arguments);
	va_end(arguments);
	report->problem(report->cookie, text);
}

static void
set_hostname(struct config *config)
{
	const struct config_key *key = config_key_find("server", "hostname");
	char name[256] = "";

	if (gethostname(name, sizeof(name) - 1) != 0 ||
		config_key_set(config, key, name) != NULL)
		(void)config_key_set(config, key, "localhost");
}

struct config *
config_new(void)
{
	struct config *config = calloc(1, sizeof(*config));

	if (config == NULL)
		return NULL;
	set_hostname(config);
	for (const struct config_key *key = config_keys; key->section != NULL; key++) {
		if (key->initial == NULL ||
			config_key_set(config, key, key->initial) == NULL)
			continue;
		config_free(config);
		return NULL;
	}
	return config;
}

static void
free_module_values(struct config_module_value *value)
{
	while (value != NULL) {
		struct config_module_value *next = value->next;
		free(value->module);
		free(value->key);
		free(value->value);
		free(value->origin);
		free(value);
		value = next;
	}
}

void
config_free(struct config *config)
{
	if (config == NULL)
		return;
	for (const struct config_key *key = config_keys; key->section != NULL; key++)
		if (key->type == CONFIG_TEXT)
			free(*(char **)(void *)((char *)config + key->offset));
	free_module_values(config->module_values);
	free(config);
}

/* A later value hides an earlier one: the list is searched from its newest end. */
static const char *
set_module_value(struct config *config, const char *module, const char *key,
	const char *value, const char *origin)
{
	struct config_module_value *entry = calloc(1, sizeof(*entry));

	if (entry == NULL)
		return "out of memory";
	entry->module = strdup(module);
	entry->key = strdup(key);
	entry->value = strdup(value);
	entry->origin = strdup(origin);
	if (entry->module == NULL || entry->key == NULL || entry->value == NULL ||
		entry->origin == NULL) {
		free_module_values(entry);
		return "out of memory";
	}
	entry->next = config->module_values;
	config->module_values = entry;
	return NULL;
}

/* *key is the row of the table that was set, NULL for a module's key. */
static bool
set_value(struct config *config, const char *section, const char *name, const char *value,
	const char *origin, const struct config_report *report,
	const struct config_key **key)
{
	const char *wrong;

	*key = NULL;
	if (strncmp(section, MODULE_SECTION, MODULE_SECTION_LENGTH) == 0 &&
		section[MODULE_SECTION_LENGTH] != '\0') {
		wrong = set_module_value(
			config, section + MODULE_SECTION_LENGTH, name, value, origin);
	} else {
		*key = config_key_find(section, name);
		if (*key == NULL) {
			report_problem(report, origin,
				"unknown key \"%s\" in section [%s]", name, section);
			return false;
		}
		wrong = config_key_set(config, *key, value);
	}
	if (wrong == NULL)
		return true;
	report_problem(report, origin, "%s.%s %s", section, name, wrong);
	return false;
}

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
	if (!set_value(reading->config, section, name, value, origin, reading->report,
		    &key)) {
		reading->good = false;
		return 1;
	}
	if (key == NULL)
		return 1;
	int *set_on = &reading->set_on[(key - config_keys) % KEYS_MAX];
	if (*set_on != 0) {
		report_problem(reading->report, origin,
			"%s.%s is set a second time, first on line %d", section, name,
			*set_on);
		reading->good = false;
	}
	*set_on = reading->line;
	return 1;
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
	if (!odd && !cut)
		return text;
	reading_origin(reading, origin, sizeof(origin));
	report_problem(reading->report, origin,
		odd ? "a NUL byte in the line" : "line too long");
	reading->good = false;
	text[0] = '\0';
	return text;
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
	int failed;

	reading.file = fopen(path, "re");
	if (reading.file == NULL) {
		report_problem(report, path, "%s", strerror(errno));
		return false;
	}
	set_syntax();
	failed = ini_parse_stream(next_line, &reading, take_value, &reading);
	if (failed != 0) {
		reading.line = failed;
		char origin[PATH_MAX + 32];
		reading_origin(&reading, origin, sizeof(origin));
		report_problem(report, origin, "neither [section] nor key = value");
	}
	if (ferror(reading.file)) {
		report_problem(report, path, "%s", strerror(errno));
		reading.good = false;
	}
	(void)fclose(reading.file);
	return reading.good && failed == 0;
}

bool
config_option(struct config *config, const char *text, const struct config_report *report)
{
	const char *equals = strchr(text, '=');
	const char *dot = NULL;
	const struct config_key *key;
	char section[64], name[64], origin[160];

	(void)snprintf(origin, sizeof(origin), "option -o %s", text);
	/* The last dot before '=': a module's section is "auth.NAME". */
	for (const char *p = text; equals != NULL && p < equals; p++)
		if (*p == '.')
			dot = p;
	if (dot == NULL || dot == text || (size_t)(dot - text) >= sizeof(section) ||
		(size_t)(equals - dot - 1) >= sizeof(name) || equals == dot + 1) {
		report_problem(report, origin, "must be section.key=value");
		return false;
	}
	(void)snprintf(section, sizeof(section), "%.*s", (int)(dot - text), text);
	(void)snprintf(name, sizeof(name), "%.*s", (int)(equals - dot - 1), dot + 1);
	return set_value(config, section, name, equals + 1, origin, report, &key);
}

const char *
config_module_value(const struct config *config, const char *module, const char *key)
{
	for (const struct config_module_value *v = config->module_values; v != NULL;
		v = v->next)
		if (strcmp(v->module, module) == 0 && strcmp(v->key, key) == 0)
			return v->value;
	return NULL;
}

static bool
key_is_known(const char *key, const char *const *keys)
{
	for (; *keys != NULL; keys++)
		if (strcmp(*keys, key) == 0)
			return true;
	return false;
}

bool
config_module_check(const struct config *config, const char *module,
	const char *const *keys, const struct config_report *report)
{
	bool good = true;

	for (const struct config_module_value *v = config->module_values; v != NULL;
		v = v->next) {
		if (strcmp(v->module, module) != 0 || keys == NULL ||
			key_is_known(v->key, keys))
			continue;
		report_problem(report, v->origin,
			"unknown key \"%s\" in section [auth.%s]", v->key, module);
		good = false;
	}
	return good;
}

void
config_print(const struct config *config, FILE *file)
{
	const char *section = "";
	char number[32];

	for (const struct config_key *key = config_keys; key->section != NULL; key++) {
		if (strcmp(section, key->section) != 0)
			(void)fprintf(file, "%s[%s]\n", section[0] != '\0' ? "\n" : "",
				key->section);
		section = key->section;
		(void)fprintf(file, "%s = %s\n", key->name,
			config_key_text(config, key, number, sizeof(number)));
	}
	for (const struct config_module_value *v = config->module_values; v != NULL;
		v = v->next)
		if (config_module_value(config, v->module, v->key) == v->value)
			(void)fprintf(file, "\n[auth.%s]\n%s = %s\n", v->module, v->key,
				v->value);
}
