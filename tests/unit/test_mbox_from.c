#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "mailstore/mbox_from.h"
#include "tests/unit/tests.h"

static bool
valid(const char *line)
{
	return mbox_from_valid((const unsigned char *)line, strlen(line));
}

static void
from_lines_of_delivery_agents(void **state)
{
	static const char *const lines[] = {
		"From jo@example.org Tue Nov 23 15:28:00 2025\n",
		"From jo@example.org  Sat Jan  3 01:05:34 1996\n",
		"From jo@example.org Tue Nov 23 15:28:00 2025\r\n",
		"From jo@example.org Tue Nov 23 15:28:00 2025",
		"From jo Tue Nov 23 15:28 2025\n",
		"From jo Tue Nov 23 15:28:00 EST 2025\n",
		"From jo Tue Nov 23 15:28:00 MET DST 2025\n",
		"From jo Tue Nov 23 15:28:00 +0000 2025\n",
		"From jo Tue Nov 23 15:28:00 2025 +0100\n",
		"From jo Tue Nov 23 15:28:00 2025 CEST\n",
		"From jo Tue Nov 23 15:28 EST 2025 remote from uucphost\n",
		"From jo Tue Nov 23 15:28:60 1999 PST remote from h\n",
		"From - Tue Nov 23 15:28:00 2025\n",
		"From MAILER-DAEMON Tue Nov 23 15:28:00 2025\n",
		"From \"jo doe\"@example.org Tue Nov 23 15:28:00 2025\n",
		"From Mon Tue Nov 23 15:28:00 2025\n",
		"From  Tue Nov 23 15:28:00 2025\n",
		"From jo\tTue Nov 23 15:28:00 2025 \n",
		"From jo tue nov 3 5:28:00 2025\n",
	};

	(void)state;
	for (size_t i = 0; i < sizeof lines / sizeof *lines; i++)
		if (!valid(lines[i]))
			fail_msg("refused: %s", lines[i]);
}

static void
lines_of_text(void **state)
{
	static const char *const lines[] = {
		"",
		"From",
		"From ",
		"From \n",
		"From my point of view\n",
		"From Monday on, Tue Nov 23 it is\n",
		"From jo@example.org\n",
		"From jo Tue Nov 23 15:28:00\n",
		"From jo Tue Nov 23 2025\n",
		"From jo Tue Nov 32 15:28:00 2025\n",
		"From jo Tue Nov 23 24:28:00 2025\n",
		"From jo Tue Nov 23 15:60:00 2025\n",
		"From jo Tue Nov 23 15:28:61 2025\n",
		"From jo Tue Nov 23 15:28:00: 2025\n",
		"From jo Tue Nov 23 15:28:00 25\n",
		"From jo Tue Nov 23 15:28:00 20255\n",
		"From jo Tue Foo 23 15:28:00 2025\n",
		"From jo Foo Nov 23 15:28:00 2025\n",
		"From jo Tue Nov 23 15:28:00 2025 it was\n",
		"From jo Tue Nov 23 15:28:00 2025 remote\n",
		"From jo Tue Nov 23 15:28:00 2025 remote from\n",
		"From jo Tue Nov 23 15:28:00 2025 remote from a b\n",
		"From jo Tue Nov 23 15:28:00 +01:0 2025\n",
		"From jo, 23 Nov 2025 15:28:00\n",
		"from jo Tue Nov 23 15:28:00 2025\n",
		"From: jo Tue Nov 23 15:28:00 2025\n",
		">From jo Tue Nov 23 15:28:00 2025\n",
	};

	(void)state;
	for (size_t i = 0; i < sizeof lines / sizeof *lines; i++)
		if (valid(lines[i]))
			fail_msg("taken for a From_ line: %s", lines[i]);
}

static void
too_long(void **state)
{
	char line[2 * MBOX_FROM_MAX];
	const char *date = " Tue Nov 23 15:28:00 2025\n";

	(void)state;
	snprintf(line, sizeof line, "From %0*d%s", (int)MBOX_FROM_MAX - 31, 0, date);
	assert_true(valid(line));
	snprintf(line, sizeof line, "From %04000d%s", 0, date);
	assert_true(valid(line));
	snprintf(line, sizeof line, "From %0*d%s", (int)MBOX_FROM_MAX, 0, date);
	assert_false(valid(line));
}

int
test_mbox_from(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(from_lines_of_delivery_agents),
		cmocka_unit_test(lines_of_text),
		cmocka_unit_test(too_long),
	};

	return cmocka_run_group_tests_name("mbox_from", tests, NULL, NULL);
}
