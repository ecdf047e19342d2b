/*
 * The table of configuration keys, private to the config files.
 */
#ifndef CONFIG_KEYS_H
#define CONFIG_KEYS_H

#include <stddef.h>
#include <stdint.h>

#include "pop3d/config.h"

enum config_type {
	CONFIG_TEXT,   /* char *, any text that `check` accepts */
	CONFIG_NUMBER, /* uint64_t between min and max, or one of `choices`, if any */
	CONFIG_CHOICE, /* uint64_t, the value of one of `choices` */
};

struct config_choice {
	const char *word; /* NULL ends a list */
	uint64_t value;
};

struct config_key {
	const char *section; /* NULL ends the table */
	const char *name;
	enum config_type type;
	size_t offset; /* of the member in struct config */
	const char *initial;
	uint64_t min, max;
	const struct config_choice *choices;
	const char *(*check)(const char *value); /* NULL, or what is wrong; may be NULL */
};

#define CONFIG_KEYS_MAX 256

/* At most so many rows. */
extern const struct config_key config_keys[];

/* The row of a key, NULL if there is none. */
const struct config_key *config_key_find(const char *section, const char *name);

/*
 * Set the member of one row from text.  Returns NULL, or what is wrong with the value;
 * then nothing has changed.
 */
const char *config_key_set(
	struct config *config, const struct config_key *key, const char *value);

/* The current value as text in buf, which is returned. */
const char *config_key_text(const struct config *config, const struct config_key *key,
	char *buf, size_t size);

/*
 * config.c: set a key of the table, or of a module's section.  origin is where it comes
 * from, for problems.  *key is the row that was set, NULL for a module's key.
 */
bool config_set(struct config *config, const char *section, const char *name,
	const char *value, const char *origin, const struct config_report *report,
	const struct config_key **key);

/* Report a problem, "ORIGIN: what". */
void config_problem(const struct config_report *report, const char *origin,
	const char *format, ...) __attribute__((format(printf, 3, 4)));

#endif
