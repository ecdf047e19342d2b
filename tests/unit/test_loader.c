#include "tests/unit/auth_fixture.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "auth/loader.h"
#include "tests/unit/tests.h"

static char error[512];

static const struct auth_module *
load(const char *name)
{
	error[0] = '\0';
	return loader_load(fixture_directory, name, error, sizeof(error));
}

/* The module is refused, in one line that names the file and says `why`. */
static void
assert_refused(const char *name, const char *why)
{
	char file[64];

	assert_null(load(name));
	(void)snprintf(file, sizeof(file), "%s.so: ", name);
	assert_non_null(strstr(error, file));
	if (strstr(error, why) == NULL)
		fail_msg("\"%s\" does not say \"%s\"", error, why);
	assert_null(strchr(error, '\n'));
}

static void
good_module_is_loaded(void **state)
{
	const struct auth_module *module;

	(void)state;
	fixture_module("mod_ok");
	module = load("mod_ok");
	assert_non_null(module);
	assert_string_equal(module->name, "mod_ok");
	assert_string_equal(error, "");
}

static void
bad_names_are_refused(void **state)
{
	static const char *const names[] = {"", ".", "../mod_ok", "mod_ok.so", "Mod_ok",
		"a b", "/etc/passwd", "a123456789b123456789c123456789d12", "m\xc3\xb6"};

	(void)state;
	fixture_module("mod_ok");
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		assert_null(load(names[i]));
		assert_non_null(strstr(error, "expected 1 to 32 of a-z 0-9 _ -"));
	}
}

static void
what_a_module_exports_is_checked(void **state)
{
	static const struct {
		const char *name, *why;
	} modules[] = {
		{"mod_badabi", "built for module interface 4, expected 3"},
		{"mod_badsize", "module structure of "},
		{"mod_badname", "calls itself \"mod_other\", expected \"mod_badname\""},
		{"mod_nosymbol", "no symbol pop3d_auth_module"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(modules) / sizeof(modules[0]); i++) {
		fixture_module(modules[i].name);
		assert_refused(modules[i].name, modules[i].why);
	}
}

static void
files_of_others_are_refused(void **state)
{
	(void)state;
	fixture_module("mod_ok");
	assert_int_equal(chmod(fixture_path("mod_ok.so"), 0664), 0);
	assert_refused("mod_ok", "mode 0664");
	assert_int_equal(chmod(fixture_path("mod_ok.so"), 0646), 0);
	assert_refused("mod_ok", "mode 0646");
	assert_int_equal(chmod(fixture_path("mod_ok.so"), 0644), 0);
	if (geteuid() == 0) {
		assert_int_equal(chown(fixture_path("mod_ok.so"), 4711, 0), 0);
		assert_refused("mod_ok", "owned by uid 4711, expected root");
		assert_int_equal(chown(fixture_path("mod_ok.so"), 0, 0), 0);
	}
	assert_non_null(load("mod_ok"));
}

static void
directories_of_others_are_refused(void **state)
{
	(void)state;
	fixture_module("mod_ok");
	assert_int_equal(chmod(fixture_directory, 0777), 0);
	assert_null(load("mod_ok"));
	assert_non_null(strstr(error, "mode 0777"));
	assert_int_equal(chmod(fixture_directory, 0700), 0);
	if (geteuid() == 0) {
		assert_int_equal(chown(fixture_directory, 4711, 0), 0);
		assert_null(load("mod_ok"));
		assert_non_null(strstr(error, "owned by uid 4711"));
		assert_int_equal(chown(fixture_directory, 0, 0), 0);
	}
	assert_non_null(load("mod_ok"));
	assert_null(loader_load("/nonexistent", "mod_ok", error, sizeof(error)));
	assert_non_null(strstr(error, "/nonexistent: cannot open module directory"));
}

static void
only_regular_files_are_loaded(void **state)
{
	(void)state;
	assert_refused("missing", "cannot open module: No such file");
	assert_int_equal(mkfifo(fixture_path("fifo.so"), 0600), 0);
	assert_refused("fifo", "not a regular file");
	assert_int_equal(mkdir(fixture_path("dir.so"), 0700), 0);
	assert_refused("dir", "not a regular file");
	fixture_module("mod_ok");
	assert_int_equal(rename(fixture_path("mod_ok.so"), fixture_path("real")), 0);
	assert_int_equal(symlink("real", fixture_path("mod_ok.so")), 0);
	assert_refused("mod_ok", "symbolic link");
	fixture_write("text.so", "no object\n", 10, 0644);
	assert_refused("text", "cannot be loaded");
}

static const struct auth_part *
load_part(const char *name)
{
	error[0] = '\0';
	return loader_load_part(fixture_directory, name, error, sizeof(error));
}

static void
second_parts_are_checked_likewise(void **state)
{
	static const struct {
		const char *name, *from, *why;
	} parts[] = {
		{"part_abi", "part_abi", "built for module interface 4, expected 3"},
		{"part_size", "part_size", "structure of 8 octets, expected"},
		{"part_empty", "part_empty", "part without functions"},
		{"mod_ok", "mod_part",
			"part of module \"mod_part\", expected \"mod_ok\""},
	};
	const struct auth_part *part;

	(void)state;
	assert_null(load_part("mod_part"));
	assert_non_null(strstr(error, "mod_part.part: cannot open module: No such file"));
	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		fixture_part(parts[i].from, parts[i].name);
		assert_null(load_part(parts[i].name));
		assert_non_null(strstr(error, parts[i].why));
	}
	fixture_module("mod_ok");
	assert_int_equal(
		rename(fixture_path("mod_ok.so"), fixture_path("module.part")), 0);
	assert_null(load_part("module"));
	assert_non_null(strstr(error, "no symbol pop3d_auth_part"));
	fixture_part("mod_part", "mod_part");
	part = load_part("mod_part");
	assert_non_null(part);
	assert_string_equal(part->name, "mod_part");
	assert_int_equal(chmod(fixture_path("mod_part.part"), 0664), 0);
	assert_null(load_part("mod_part"));
	assert_non_null(strstr(error, "mode 0664"));
}

int
test_loader(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			good_module_is_loaded, fixture_setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(
			bad_names_are_refused, fixture_setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(what_a_module_exports_is_checked,
			fixture_setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(
			files_of_others_are_refused, fixture_setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(directories_of_others_are_refused,
			fixture_setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(
			only_regular_files_are_loaded, fixture_setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(second_parts_are_checked_likewise,
			fixture_setup, fixture_teardown),
	};

	return cmocka_run_group_tests_name("loader", tests, NULL, NULL);
}
