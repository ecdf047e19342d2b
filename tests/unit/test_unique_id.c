#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "mailstore/unique_id.h"
#include "tests/unit/tests.h"

#define LONG_ID "0123456789012345678901234567890123456789012345678901234567890123456789"

static void
assert_id(const char *name, size_t n, const char *expected)
{
	char uid[MAIL_UID_MAX + 1];

	unique_id_from_name(name, n, uid);
	assert_string_equal(uid, expected);
}

static void
test_name_itself(void **state)
{
	(void)state;
	assert_id("1700000000.M1P2.host", 20, "1700000000.M1P2.host");
	assert_id("!", 1, "!");
	assert_id("~", 1, "~");
	assert_id(LONG_ID, 70, LONG_ID);
	assert_id("abcdef", 3, "abc");
}

/* The first 32 digits of what sha256sum(1) prints. */
static void
test_hash(void **state)
{
	(void)state;
	assert_id("", 0, "e3b0c44298fc1c149afbf4c8996fb924");
	assert_id("a b", 3, "c8687a08aa5d6ed2044328fa6a697ab8");
	assert_id(LONG_ID "x", 71, "f806b0314d0f7375e7a599723d831a5d");
	assert_id("\x7F", 1, "620bfdaa346b088fb49998d92f19a7ea");
	assert_id("\xC3\xA9", 2, "4a99557e4033c3539de2eb65472017ca");
}

static void
test_all_distinct(void **state)
{
	char ids[3][MAIL_UID_MAX + 1] = {"a", "b", "a.2"};

	(void)state;
	assert_true(unique_id_distinguish(ids, 3, NULL));
	assert_string_equal(ids[0], "a");
	assert_string_equal(ids[1], "b");
	assert_string_equal(ids[2], "a.2");
	assert_true(unique_id_distinguish(ids, 0, NULL));
}

static void
test_duplicates_in_list_order(void **state)
{
	char ids[6][MAIL_UID_MAX + 1] = {"b", "a", "b", "a", "c", "b"};

	(void)state;
	assert_true(unique_id_distinguish(ids, 6, NULL));
	assert_string_equal(ids[0], "b");
	assert_string_equal(ids[1], "a");
	assert_string_equal(ids[2], "b.2");
	assert_string_equal(ids[3], "a.2");
	assert_string_equal(ids[4], "c");
	assert_string_equal(ids[5], "b.3");
}

/* A number whose text another message has is passed over. */
static void
test_suffix_taken(void **state)
{
	char ids[4][MAIL_UID_MAX + 1] = {"a", "a", "a.2", "a"};

	(void)state;
	assert_true(unique_id_distinguish(ids, 4, NULL));
	assert_string_equal(ids[0], "a");
	assert_string_equal(ids[1], "a.3");
	assert_string_equal(ids[2], "a.2");
	assert_string_equal(ids[3], "a.4");
}

/* No room for a suffix: the id stays within 70 characters. */
static void
test_long_duplicates(void **state)
{
	char ids[3][MAIL_UID_MAX + 1] = {LONG_ID, LONG_ID, LONG_ID};

	(void)state;
	assert_true(unique_id_distinguish(ids, 3, NULL));
	assert_string_equal(ids[0], LONG_ID);
	assert_id(LONG_ID ".2", 72, ids[1]);
	assert_id(LONG_ID ".3", 72, ids[2]);
	assert_string_not_equal(ids[1], ids[2]);
}

static int
compare_ids(const void *a, const void *b)
{
	return strcmp(a, b);
}

static void
test_many(void **state)
{
	const size_t n = 50000;
	char(*ids)[MAIL_UID_MAX + 1] = calloc(n, sizeof(*ids));

	(void)state;
	assert_non_null(ids);
	for (size_t i = 0; i < n; i++) {
		if (i % 2 == 0)
			snprintf(ids[i], sizeof(ids[i]), "same");
		else
			snprintf(ids[i], sizeof(ids[i]), "same.%zu", i);
	}
	assert_true(unique_id_distinguish(ids, n, NULL));
	qsort(ids, n, sizeof(*ids), compare_ids);
	for (size_t i = 1; i < n; i++)
		assert_string_not_equal(ids[i - 1], ids[i]);
	free(ids);
}

int
test_unique_id(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_name_itself),
		cmocka_unit_test(test_hash),
		cmocka_unit_test(test_all_distinct),
		cmocka_unit_test(test_duplicates_in_list_order),
		cmocka_unit_test(test_suffix_taken),
		cmocka_unit_test(test_long_duplicates),
		cmocka_unit_test(test_many),
	};

	return cmocka_run_group_tests_name("unique_id", tests, NULL, NULL);
}
