/*
 * The command line.
 */
#ifndef OPTIONS_H
#define OPTIONS_H

#include <stdbool.h>
#include <stddef.h>

#include "pop3d/config.h"

#define OPTIONS_MAX 64

struct options {
	const char *config_path; /* from -c; NULL: the default, which may be absent */
	const char *settings[OPTIONS_MAX]; /* from -o */
	size_t n_settings;
	const char *addresses[OPTIONS_MAX]; /* from -l */
	size_t n_addresses;
	bool test;       /* -t */
	bool version;    /* -V */
	bool help;       /* -h */
	int table;       /* -R FD, from the listener to itself: its table; -1: none */
	char **argv;     /* as given, for the listener's next execution of the program */
	char error[128]; /* "", or what is wrong; nothing has been printed */
};

void options_parse(struct options *options, int argc, char **argv);

/* The file that is read, whether it is there or not. */
const char *options_config_path(const struct options *options);

/*
 * Defaults, file and -o settings; NULL if out of memory.  *good is false if there was a
 * problem, all of which have been reported.
 */
struct config *options_load_config(
	const struct options *options, const struct config_report *report, bool *good);

#endif
