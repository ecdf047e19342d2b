#include "pop3d/config.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "pop3d/config_keys.h"

#define MODULE_SECTION "auth."
#define MODULE_SECTION_LENGTH (sizeof(MODULE_SECTION) - 1)

struct config_module_value {
	struct config_module_value *next;
	char *module;
	char *key;
	char *value;
	char *origin; /* where it was set, for messages */
};

void
config_problem(
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

bool
config_set(struct config *config, const char *section, const char *name,
	const char *value, const char *origin, const struct config_report *report,
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
			config_problem(report, origin,
				"unknown key \"%s\" in section [%s]", name, section);
			return false;
		}
		wrong = config_key_set(config, *key, value);
	}
	if (wrong == NULL)
		return true;
	config_problem(report, origin, "%s.%s %s", section, name, wrong);
	return false;
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
		config_problem(report, origin, "must be section.key=value");
		return false;
	}
	(void)snprintf(section, sizeof(section), "%.*s", (int)(dot - text), text);
	(void)snprintf(name, sizeof(name), "%.*s", (int)(equals - dot - 1), dot + 1);
	return config_set(config, section, name, equals + 1, origin, report, &key);
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
		config_problem(report, v->origin,
			"unknown key \"%s\" in section [auth.%s]", v->key, module);
		good = false;
	}
	return good;
}

void
config_forget_modules(struct config *config)
{
	for (struct config_module_value *v = config->module_values; v != NULL;
		v = v->next)
		explicit_bzero(v->value, strlen(v->value));
	free_module_values(config->module_values);
	config->module_values = NULL;
}

/* Behind a space, '#' would begin a comment. */
static void
print_value(FILE *file, const char *key, const char *value)
{
	(void)fprintf(file, "%s =%s%s\n", key, value[0] == '#' ? "" : " ", value);
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
		print_value(file, key->name,
			config_key_text(config, key, number, sizeof(number)));
	}
	for (const struct config_module_value *v = config->module_values; v != NULL;
		v = v->next)
		if (config_module_value(config, v->module, v->key) == v->value) {
			(void)fprintf(file, "\n[auth.%s]\n", v->module);
			print_value(file, v->key, v->value);
		}
}
