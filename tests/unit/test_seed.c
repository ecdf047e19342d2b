#include "tests/unit/auth_fixture.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "pop3d/seed.h"
#include "tests/unit/tests.h"

static unsigned char first[SEED_OCTETS], second[SEED_OCTETS];
static bool usable;

static void
every_process_gets_the_same(void **state)
{
	size_t n;
	struct stat st;

	(void)state;
	assert_null(seed_read(fixture_path("run"), first, &usable));
	assert_true(usable);
	assert_int_equal(stat(fixture_path("run/seed"), &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_int_equal(st.st_size, SEED_OCTETS);
	assert_null(seed_read(fixture_path("run"), second, &usable));
	assert_memory_equal(first, second, sizeof(first));
	char *text = fixture_read("run/seed", &n);
	assert_memory_equal(text, first, sizeof(first));
	free(text);
}

static void
unusable_files_give_a_random_one(void **state)
{
	static const char half[] = "half a seed";

	(void)state;
	fixture_write("seed", half, sizeof(half), 0600);
	assert_non_null(seed_read(fixture_directory, first, &usable));
	assert_true(usable);
	assert_non_null(seed_read(fixture_directory, second, &usable));
	assert_memory_not_equal(first, second, sizeof(first));
	memset(first, 7, sizeof(first));
	fixture_write("seed", first, sizeof(first), 0644);
	assert_non_null(seed_read(fixture_directory, second, &usable));
	assert_memory_not_equal(first, second, sizeof(first));
	assert_int_equal(unlink(fixture_path("seed")), 0);
	fixture_write("other", first, sizeof(first), 0600);
	assert_int_equal(symlink("other", fixture_path("seed")), 0);
	assert_non_null(seed_read(fixture_directory, second, &usable));
	assert_memory_not_equal(first, second, sizeof(first));
}

static void
unusable_directories_give_a_random_one(void **state)
{
	(void)state;
	assert_non_null(seed_read("/nonexistent/run", first, &usable));
	assert_true(usable);
	assert_int_equal(chmod(fixture_directory, 0777), 0);
	assert_non_null(seed_read(fixture_directory, first, &usable));
	assert_true(usable);
	assert_int_equal(access(fixture_path("seed"), F_OK), -1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int
test_seed(void)
{
	const struct CMUnitTest tests[] = {
		TEST(every_process_gets_the_same),
		TEST(unusable_files_give_a_random_one),
		TEST(unusable_directories_give_a_random_one),
	};

	return cmocka_run_group_tests_name("seed", tests, NULL, NULL);
}
