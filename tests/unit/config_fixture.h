/*
 * One configuration for unit tests, and the problems that were reported of it.
 */
#ifndef CONFIG_FIXTURE_H
#define CONFIG_FIXTURE_H

#include <stdbool.h>
#include <stddef.h>

#include "pop3d/config.h"

extern struct config *fixture_config;
extern char config_fixture_path[64];        /* of the last file read */
extern char config_fixture_problems[20000]; /* one a line, since the last call below */
extern unsigned config_fixture_n_problems;
extern const struct config_report config_fixture_report;

/* For cmocka: a new configuration, and the end of it. */
int config_fixture_set_up(void **state);
int config_fixture_tear_down(void **state);

/*
 * Read a file of n octets, or take an option: what config_read() and config_option()
 * say, which must be true exactly if no problem was reported.
 */
bool config_fixture_read(const char *text, size_t n);
bool config_fixture_read_text(const char *text);
bool config_fixture_option(const char *text);

/* The only problem must be this, on this line of the last file. */
void config_fixture_expect(int line, const char *text);

#endif
