#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "mailstore/maildir_list.h"
#include "tests/unit/tests.h"

static void
test_empty(void **state)
{
	struct maildir_list list = {0};

	(void)state;
	assert_null(maildir_list_find(&list, "1.a"));
	assert_true(maildir_list_sort(&list));
	assert_int_equal(list.count, 0);
	maildir_list_free(&list);
}

static void
test_order_and_find(void **state)
{
	static const char *const names[] = {
		"10.c:2,S", "9.b", "10.a:2,", "x", "9.a:2,FRS"};
	static const char *const sorted[] = {
		"x", "9.a:2,FRS", "9.b", "10.a:2,", "10.c:2,S"};
	struct maildir_list list = {0};

	(void)state;
	for (size_t i = 0; i < 5; i++)
		assert_true(maildir_list_add(&list, names[i], MAILDIR_CUR));
	assert_null(maildir_list_find(&list, "9.b"));
	assert_true(maildir_list_sort(&list));
	assert_int_equal(list.count, 5);
	for (size_t i = 0; i < 5; i++) {
		assert_string_equal(list.entries[i].name, sorted[i]);
		assert_ptr_equal(maildir_list_find(&list, sorted[i]), &list.entries[i]);
	}
	/* Flags are no part of what names a message. */
	assert_ptr_equal(maildir_list_find(&list, "9.a"), &list.entries[1]);
	assert_ptr_equal(maildir_list_find(&list, "9.b:2,T"), &list.entries[2]);
	assert_null(maildir_list_find(&list, "9.c"));
	assert_null(maildir_list_find(&list, "9"));
	maildir_list_free(&list);
	assert_null(list.entries);
}

static void
test_same_base(void **state)
{
	struct maildir_list list = {0};

	(void)state;
	assert_true(maildir_list_add(&list, "1.a", MAILDIR_NEW));
	assert_true(maildir_list_add(&list, "1.b", MAILDIR_NEW));
	assert_true(maildir_list_add(&list, "1.a:2,", MAILDIR_CUR));
	assert_true(maildir_list_add(&list, "1.a:2,S", MAILDIR_CUR));
	assert_true(maildir_list_sort(&list));
	assert_int_equal(list.count, 2);
	assert_string_equal(list.entries[0].name, "1.a:2,S");
	assert_int_equal(list.entries[0].sub, MAILDIR_CUR);
	assert_string_equal(list.entries[1].name, "1.b");
	assert_int_equal(list.twin_count, 2);
	maildir_list_free(&list);
}

/* Rivals stay apart whatever their names are. */
static void
test_rivals(void **state)
{
	struct maildir_list list = {0};
	struct maildir_entry *entry;
	ino_t sum = 0;

	(void)state;
	assert_true(maildir_list_add(&list, "1.a", MAILDIR_NEW));
	assert_true(maildir_list_add(&list, "2.b", MAILDIR_NEW));
	assert_true(maildir_list_add(&list, "0.c", MAILDIR_NEW));
	assert_true(maildir_list_sort(&list));
	assert_true(maildir_list_mark_rival(&list, 1, 5, 100));
	assert_true(maildir_list_mark_rival(&list, 1, 5, 999));
	assert_true(maildir_list_add(&list, "1.a:2,", MAILDIR_CUR));
	assert_true(maildir_list_mark_rival(&list, 3, 5, 20));
	assert_true(maildir_list_add(&list, "1.a:2,S", MAILDIR_CUR));
	assert_true(maildir_list_mark_rival(&list, 4, 5, 3));
	for (int round = 0; round < 2; round++) {
		assert_true(maildir_list_sort(&list));
		assert_int_equal(list.count, 5);
		assert_int_equal(list.twin_count, 0);
		assert_string_equal(list.entries[4].name, "2.b");
		assert_null(maildir_list_next(&list, &list.entries[4]));
		assert_null(maildir_list_next(&list, &list.entries[0]));
	}
	entry = maildir_list_find(&list, "1.a");
	assert_ptr_equal(entry, &list.entries[1]);
	for (; entry != NULL; entry = maildir_list_next(&list, entry))
		sum += list.rivals[entry->serial].ino;
	assert_int_equal(sum, 123);
	maildir_list_free(&list);
}

static void
test_rename(void **state)
{
	struct maildir_list list = {0};
	struct maildir_entry *entry;

	(void)state;
	assert_true(maildir_list_add(&list, "1.a", MAILDIR_NEW));
	assert_true(maildir_list_sort(&list));
	entry = maildir_list_find(&list, "1.a:2,S");
	assert_non_null(entry);
	assert_true(maildir_list_rename(&list, entry, "1.a:2,S", MAILDIR_CUR));
	assert_string_equal(entry->name, "1.a:2,S");
	assert_int_equal(entry->sub, MAILDIR_CUR);
	assert_ptr_equal(maildir_list_find(&list, "1.a"), entry);
	maildir_list_free(&list);
}

/* Names fill many chunks and none of them moves. */
static void
test_many(void **state)
{
	struct maildir_list list = {0};
	char name[300];

	(void)state;
	for (int i = 20000; i > 0; i--) {
		snprintf(name, sizeof(name), "%d.%0*d", i, i % 240 + 1, i);
		assert_true(maildir_list_add(&list, name, MAILDIR_CUR));
	}
	assert_true(maildir_list_sort(&list));
	assert_int_equal(list.count, 20000);
	for (int i = 1; i <= 20000; i++) {
		snprintf(name, sizeof(name), "%d.%0*d", i, i % 240 + 1, i);
		assert_string_equal(list.entries[i - 1].name, name);
	}
	maildir_list_free(&list);
}

static void
test_impossible_names(void **state)
{
	struct maildir_list list = {0};
	char name[20000];

	(void)state;
	memset(name, 'a', sizeof(name));
	name[sizeof(name) - 1] = '\0';
	assert_false(maildir_list_add(&list, name, MAILDIR_CUR));
	assert_false(maildir_list_add(&list, "", MAILDIR_CUR));
	assert_int_equal(list.count, 0);
	maildir_list_free(&list);
}

int
test_maildir_list(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_empty),
		cmocka_unit_test(test_order_and_find),
		cmocka_unit_test(test_same_base),
		cmocka_unit_test(test_rivals),
		cmocka_unit_test(test_rename),
		cmocka_unit_test(test_many),
		cmocka_unit_test(test_impossible_names),
	};

	return cmocka_run_group_tests_name("maildir_list", tests, NULL, NULL);
}
