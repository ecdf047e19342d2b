#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "mailstore/mbox_date.h"
#include "mailstore/mbox_from.h"
#include "tests/unit/tests.h"

static void
zone_set(const char *zone)
{
	assert_int_equal(setenv("TZ", zone, 1), 0);
	tzset();
}

static int
teardown(void **state)
{
	(void)state;
	if (unsetenv("TZ") != 0)
		return -1;
	tzset();
	return 0;
}

static void
assert_date(const char *line, int64_t expected)
{
	int64_t seconds = -1;

	assert_true(mbox_date_read((const unsigned char *)line, strlen(line), &seconds));
	assert_int_equal(seconds, expected);
}

static void
test_read(void **state)
{
	(void)state;
	zone_set("UTC");
	assert_date("From a@b Mon Jan  1 00:00:00 2024\n", 1704067200);
	assert_date("From a@b Mon Jan 1 00:00 2024", 1704067200);
	assert_date("From  Sun Nov 23 15:28:09 2025", 1763911689);
	assert_date("From Mon Sun Nov 23 15:28:09 2025", 1763911689);
	zone_set("Europe/Berlin");
	assert_date("From a@b Mon Jan  1 00:00:00 2024", 1704063600);
	assert_date("From a@b Mon Jul  1 00:00:00 2024", 1719784800);
}

/* A zone that is given counts, wherever the host is. */
static void
test_zones(void **state)
{
	(void)state;
	zone_set("Asia/Kolkata");
	assert_date("From a@b Mon Jan  1 00:00:00 2024 +0000", 1704067200);
	assert_date("From a@b Mon Jan  1 00:00:00 -0130 2024", 1704067200 + 5400);
	assert_date("From a@b Mon Jan  1 00:00:00 GMT 2024", 1704067200);
	assert_date("From a@b Mon Jan  1 00:00:00 EST 2024", 1704067200 + 18000);
	assert_date("From a@b Mon Jan  1 00:00:00 PDT 2024 remote from x", 1704092400);
	assert_date("From a@b Mon Jan  1 00:00:00 XYZ 2024", 1704067200 - 19800);
}

static void
test_no_date(void **state)
{
	int64_t seconds = 7;
	const char *const lines[] = {"From a@b", "From a@b Mon Jan 0 00:00:00 2024",
		"From a@b Mon Jan 32 00:00:00 2024", "from a@b Mon Jan 1 00:00:00 2024",
		"From a@b Mon Jan 1 24:00:00 2024", "From a@b Mon Jan 1 00:00:00 3024"};

	(void)state;
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
		assert_false(mbox_date_read(
			(const unsigned char *)lines[i], strlen(lines[i]), &seconds));
	assert_int_equal(seconds, 7);
}

/* Every time comes back, through the hours that come twice and those that never come. */
static void
test_there_and_back(void **state)
{
	static const char *const zones[] = {"UTC", "Europe/Berlin", "America/New_York",
		"Australia/Lord_Howe", "Asia/Kathmandu"};
	char date[MBOX_DATE_SIZE], line[128];

	(void)state;
	for (size_t z = 0; z < sizeof(zones) / sizeof(zones[0]); z++) {
		zone_set(zones[z]);
		for (int64_t t = 1704067201; t < 1704067201 + 366 * 86400; t += 601) {
			mbox_date_write(t, date);
			(void)snprintf(line, sizeof(line), "From a@b %s", date);
			assert_true(mbox_from_valid(
				(const unsigned char *)line, strlen(line)));
			assert_date(line, t);
		}
	}
}

static void
assert_written(int64_t seconds, const char *expected)
{
	char date[MBOX_DATE_SIZE];

	mbox_date_write(seconds, date);
	assert_string_equal(date, expected);
}

static void
test_write(void **state)
{
	(void)state;
	zone_set("UTC");
	assert_written(1704067200, "Mon Jan  1 00:00:00 2024");
	assert_written(0, "Thu Jan  1 00:00:00 1970");
	assert_written(-5, "Thu Jan  1 00:00:00 1970");
	assert_written(INT64_MAX, "Tue Dec 31 23:59:59 2999");
	assert_written(INT64_MIN, "Thu Jan  1 00:00:00 1970");
	/* Of the two hours, one needs a zone. */
	zone_set("Europe/Berlin");
	assert_written(1729983600, "Sun Oct 27 01:00:00 2024");
}

static void
assert_latest(const char *line, int64_t expected)
{
	int64_t seconds;

	assert_true(
		mbox_date_latest((const unsigned char *)line, strlen(line), &seconds));
	assert_true(seconds == expected);
}

/* Whatever the zone of this host is. */
static void
test_latest(void **state)
{
	int64_t seconds;

	(void)state;
	zone_set("Asia/Kathmandu");
	assert_latest("From a@b Mon Jan  1 00:00:00 2024 +0000\n", 1704067200);
	assert_latest("From a@b Mon Jan  1 00:00:00 2024 -0500\n", 1704067200 + 5 * 3600);
	assert_latest("From a@b Mon Jan  1 00:00:00 GMT 2024\n", 1704067200);
	assert_latest("From a@b Mon Jan  1 00:00:00 2024\n", 1704067200 + 12 * 3600);
	assert_latest("From a@b Mon Jan  1 00:00:00 MET 2024\n", 1704067200 + 12 * 3600);
	assert_latest(
		"From a@b Mon Jan  1 00:00:00 2024 +1400\n", 1704067200 - 14 * 3600);
	assert_latest(
		"From a@b Mon Jan  1 00:00:00 2024 +9959\n", 1704067200 + 12 * 3600);
	assert_false(mbox_date_latest(
		(const unsigned char *)"From me to you\n", 15, &seconds));
}

int
test_mbox_date(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(test_read, teardown),
		cmocka_unit_test_teardown(test_zones, teardown),
		cmocka_unit_test_teardown(test_no_date, teardown),
		cmocka_unit_test_teardown(test_there_and_back, teardown),
		cmocka_unit_test_teardown(test_latest, teardown),
		cmocka_unit_test_teardown(test_write, teardown),
	};

	return cmocka_run_group_tests_name("mbox_date", tests, NULL, NULL);
}
