/*
 * What a unit test has written to the log.
 */
#ifndef LOG_FIXTURE_H
#define LOG_FIXTURE_H

#include "pop3d/log.h"

extern char logged[LOG_TEXT_MAX + 1]; /* the last line */
extern int logged_priority;
extern unsigned n_logged;

/* For cmocka: nothing has been, and lines come here until the end of the test. */
int log_set_up(void **state);
int log_tear_down(void **state);

#endif
