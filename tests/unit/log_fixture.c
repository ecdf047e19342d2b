#include "tests/unit/log_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

char logged[LOG_TEXT_MAX + 1];
int logged_priority;
unsigned n_logged;

static void
take_line(int priority, const char *text)
{
	assert_true(strlen(text) < LOG_TEXT_MAX);
	(void)snprintf(logged, sizeof(logged), "%s", text);
	logged_priority = priority;
	n_logged++;
}

int
log_set_up(void **state)
{
	(void)state;
	n_logged = 0;
	log_set_sink(take_line);
	return 0;
}

int
log_tear_down(void **state)
{
	(void)state;
	log_set_sink(NULL);
	return 0;
}
