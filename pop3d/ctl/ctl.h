/*
 * What the commands of pop3ctl share.  A command runs once and returns an exit status of
 * sysexits.h, CTL_NO or CTL_USAGE; it prints errors on standard error with ctl_error().
 */
#ifndef CTL_H
#define CTL_H

#include <stddef.h>

/* The answer is no: wrong password, no such user, user exists. */
#define CTL_NO 1

/* Arguments that make no sense; main() prints which do, and exits with EX_USAGE. */
#define CTL_USAGE (-1)

#define CTL_SETTINGS_MAX 64

struct ctl_context {
	const char
		*config_path; /* as -c gave it; NULL: the built-in path, if it is there */
	const char *settings[CTL_SETTINGS_MAX]; /* section.key=value, from -o */
	size_t n_settings;
};

/* One row of main.c's table: `pop3ctl group verb arguments`. */
struct ctl_command {
	const char *group; /* NULL ends a table */
	const char *verb;
	/* argv[0] is the verb.  getopt() is ready to be used. */
	int (*run)(const struct ctl_context *context, int argc, char **argv);
	const char *usage; /* the arguments */
};

/* One line on standard error, behind the program's name. */
void ctl_error(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* The same for a module, as its host has it. */
void ctl_module_log(void *cookie, int priority, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

#endif
