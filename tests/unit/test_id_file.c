#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "mailstore/id_file.h"
#include "tests/unit/maildir_fixture.h"
#include "tests/unit/tests.h"

static void
parse(struct id_file *file, const char *text)
{
	*file = (struct id_file){.most = 10};
	assert_true(id_file_parse(file, text, strlen(text)));
	assert_true(file->present);
}

static void
finds_records(void **state)
{
	struct id_file file;
	const struct id_record *record;

	(void)state;
	parse(&file, "pop3d-uidl 1\nb two\na one\nb three\nc%20d%25 four\n end 4\n");
	assert_false(file.damaged);
	assert_int_equal(file.count, 4);
	assert_string_equal(id_file_find(&file, "a")->id, "one");
	record = id_file_find(&file, "b");
	assert_string_equal(record->id, "two");
	record = id_file_next(&file, record);
	assert_string_equal(record->id, "three");
	assert_null(id_file_next(&file, record));
	assert_string_equal(id_file_find(&file, "c d%")->id, "four");
	assert_null(id_file_find(&file, "d"));
	assert_true(id_file_replace(&file, "b", "2"));
	assert_string_equal(id_file_find(&file, "b")->id, "2");
	assert_false(id_file_replace(&file, "x", "2"));
	id_file_free(&file);
}

/* What can be read counts, and that not all could is known. */
static void
damaged(void **state)
{
	static const struct {
		const char *text;
		size_t count;
	} cases[] = {
		{"", 0},
		{"pop3d-uidl 2\na one\n end 1\n", 0},
		{"pop3d-uidl 1", 0},
		{"pop3d-uidl 1\n", 0},
		{"pop3d-uidl 1\na one\n", 1},
		{"pop3d-uidl 1\na one", 0},
		{"pop3d-uidl 1\n1 x\n2 x\n3 x\n4 x\n5 x\n6 x\n7 x\n8 x\n9 x\n10 x\n11 x\n"
		 " end 11\n",
			10},
		{"pop3d-uidl 1\na one\n end 2\n", 1},
		{"pop3d-uidl 1\na one\n end 1\nb two\n", 1},
		{"pop3d-uidl 1\na\nb two\n end 1\n", 1},
		{"pop3d-uidl 1\na \nb two\n end 1\n", 1},
		{"pop3d-uidl 1\na one two\n end 0\n", 0},
		{"pop3d-uidl 1\n%0 one\n%zz one\n%00 one\na%4 one\n end 0\n", 0},
		{"pop3d-uidl 1\na 1234567890123456789012345678901234567890123456789012"
		 "3456789012345678901\n end 0\n",
			0},
		{"pop3d-uidl 1\na \x7f\n end 0\n", 0},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct id_file file;

		parse(&file, cases[i].text);
		assert_true(file.damaged);
		assert_int_equal(file.count, cases[i].count);
		id_file_free(&file);
	}
}

static void
round_trip(void **state)
{
	struct maildir_fixture *f = *state;
	struct id_file file = {.records = NULL}, again = {.records = NULL};
	char key[ID_FILE_KEY_MAX + 1];
	const int dir = open(f->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	/* Every octet that a name can have. */
	for (size_t i = 0; i < ID_FILE_KEY_MAX; i++)
		key[i] = (char)(i + 1);
	key[ID_FILE_KEY_MAX] = '\0';
	assert_true(id_file_add(&file, key, "odd"));
	assert_true(id_file_add(&file, "same", "2"));
	assert_true(id_file_add(&file, "same", "1"));
	id_file_sort(&file);
	assert_true(id_file_write(&file, dir, "ids", "ids-new"));
	assert_false(maildir_fixture_has(f, "ids-new"));
	assert_int_equal(id_file_read(&again, dir, "ids", &f->options), MAIL_OK);
	assert_true(again.present);
	assert_false(again.damaged);
	assert_int_equal(again.count, 3);
	assert_string_equal(id_file_find(&again, key)->id, "odd");
	assert_string_equal(id_file_find(&again, "same")->id, "2");
	id_file_free(&file);
	id_file_free(&again);
	(void)close(dir);
}

static void
no_file(void **state)
{
	struct maildir_fixture *f = *state;
	struct id_file file = {.records = NULL};
	const int dir = open(f->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	assert_int_equal(id_file_read(&file, dir, "ids", &f->options), MAIL_OK);
	assert_false(file.present);
	assert_int_equal(symlinkat("/etc/passwd", dir, "ids"), 0);
	assert_int_equal(id_file_read(&file, dir, "ids", &f->options), MAIL_OK);
	assert_false(file.present);
	assert_int_equal(unlinkat(dir, "ids", 0), 0);
	assert_int_equal(mkfifoat(dir, "ids", 0600), 0);
	assert_int_equal(id_file_read(&file, dir, "ids", &f->options), MAIL_OK);
	assert_false(file.present);
	/* A directory of that name: the old state stands, and the caller is told. */
	assert_int_equal(mkdirat(dir, "ids-new", 0700), 0);
	assert_false(id_file_write(&file, dir, "ids", "ids-new"));
	(void)close(dir);
}

int
test_id_file(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(finds_records),
		cmocka_unit_test(damaged),
		cmocka_unit_test_setup_teardown(
			round_trip, maildir_fixture_set_up, maildir_fixture_tear_down),
		cmocka_unit_test_setup_teardown(
			no_file, maildir_fixture_set_up, maildir_fixture_tear_down),
	};

	return cmocka_run_group_tests_name("id_file", tests, NULL, NULL);
}
