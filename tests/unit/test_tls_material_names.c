#include "tests/unit/tls_fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "pop3d/tls/material.h"
#include "tests/unit/tests.h"

static int
set_up(void **state)
{
	if (tls_fixture_set_up(state) != 0)
		return -1;
	tls_fixture_setup.sni = tls_fixture_path("names");
	return mkdir(fixture_path("names"), 0755);
}

static struct material *
load(void)
{
	return material_load(&tls_fixture_setup, &tls_fixture_report);
}

static void
expect_refusal(const char *text)
{
	assert_null(load());
	assert_true(tls_fixture_complained(text));
}

static void
expect_warning(const char *text)
{
	struct material *m = load();

	assert_non_null(m);
	assert_int_equal(m->n_pairs, 1);
	assert_true(tls_fixture_complained(text));
	material_free(m);
}

/* A pair of that name, from these files. */
static void
expect_pair(const struct material *m, const char *name, const char *certificate,
	const char *key, const char *ocsp)
{
	for (size_t i = 0; i < m->n_pairs; i++) {
		const struct material_pair *pair = &m->pairs[i];
		if (pair->name == NULL || strcmp(pair->name, name) != 0)
			continue;
		assert_string_equal(
			m->files[pair->certificate].path, fixture_path(certificate));
		assert_string_equal(m->files[pair->key].path, fixture_path(key));
		if (ocsp == NULL)
			assert_true(pair->ocsp == MATERIAL_NONE);
		else
			assert_string_equal(
				m->files[pair->ocsp].path, fixture_path(ocsp));
		return;
	}
	fail_msg("no pair for %s", name);
}

static void
write_key(const char *name)
{
	fixture_write(name, "x", 1, 0600);
}

static void
a_directory_names_by_files(void **state)
{
	struct material *m;

	(void)state;
	write_key("names/a.example.org.pem");
	write_key("names/a.example.org.ocsp");
	write_key("names/*.example.org.pem");
	write_key("names/.hidden");
	write_key("names/README");
	m = load();
	assert_string_equal(tls_fixture_problems, "");
	assert_non_null(m);
	assert_int_equal(m->n_pairs, 3);
	expect_pair(m, "a.example.org", "names/a.example.org.pem",
		"names/a.example.org.pem", "names/a.example.org.ocsp");
	expect_pair(m, "*.example.org", "names/*.example.org.pem",
		"names/*.example.org.pem", NULL);
	material_free(m);
}

static void
a_directory_names_as_certbot_does(void **state)
{
	struct material *m;

	(void)state;
	assert_int_equal(mkdir(fixture_path("archive"), 0755), 0);
	assert_int_equal(mkdir(fixture_path("names/b.example.org"), 0755), 0);
	write_key("archive/fullchain1.pem");
	write_key("archive/privkey1.pem");
	write_key("names/b.example.org/README");
	assert_int_equal(symlink("../../archive/fullchain1.pem",
				 fixture_path("names/b.example.org/fullchain.pem")),
		0);
	assert_int_equal(symlink("../../archive/privkey1.pem",
				 fixture_path("names/b.example.org/privkey.pem")),
		0);
	m = load();
	assert_string_equal(tls_fixture_problems, "");
	assert_non_null(m);
	expect_pair(m, "b.example.org", "names/b.example.org/fullchain.pem",
		"names/b.example.org/privkey.pem", NULL);
	assert_false(material_has_changed(m));
	/* What was optional comes later. */
	write_key("names/b.example.org/ocsp.der");
	assert_true(material_has_changed(m));
	material_free(m);
	m = load();
	assert_non_null(m);
	expect_pair(m, "b.example.org", "names/b.example.org/fullchain.pem",
		"names/b.example.org/privkey.pem", "names/b.example.org/ocsp.der");
	assert_false(material_has_changed(m));
	assert_int_equal(mkdir(fixture_path("names/c.example.org"), 0755), 0);
	assert_true(material_has_changed(m));
	material_free(m);
}

static void
what_is_no_name_is_passed_over(void **state)
{
	static const char *const files[] = {"names/notes.txt", "names/notes",
		"names/a b.pem", "names/a*.org.pem", "names/a.example.org.ocsp"};

	(void)state;
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		write_key(files[i]);
		expect_warning("warning tls.sni: ");
		assert_int_equal(unlink(fixture_path(files[i])), 0);
	}
	assert_int_equal(mkdir(fixture_path("names/old stuff"), 0755), 0);
	expect_warning("warning tls.sni: ");
	assert_int_equal(rmdir(fixture_path("names/old stuff")), 0);
	assert_int_equal(mkdir(fixture_path("names/a.example.org"), 0755), 0);
	expect_warning("warning tls.sni: ");
}

/* What is begun must be whole. */
static void
half_a_pair_is_refused(void **state)
{
	(void)state;
	assert_int_equal(mkdir(fixture_path("names/a.example.org"), 0755), 0);
	write_key("names/a.example.org/fullchain.pem");
	expect_refusal("a.example.org/privkey.pem: No such file");
	write_key("names/a.example.org/privkey.pem");
	assert_int_equal(chmod(fixture_path("names/a.example.org/privkey.pem"), 0644), 0);
	expect_refusal("error tls.sni: ");
	assert_int_equal(chmod(fixture_path("names/a.example.org/privkey.pem"), 0600), 0);
	fixture_write("names/b.example.org.pem", "x", 1, 0644);
	expect_refusal("error tls.sni: ");
}

/* Who can add files can add names. */
static void
directories_must_be_kept(void **state)
{
	(void)state;
	assert_int_equal(chmod(fixture_path("names"), 0777), 0);
	expect_refusal("error tls.sni: ");
	assert_int_equal(rmdir(fixture_path("names")), 0);
	expect_refusal("error tls.sni: ");
}

static void
write_names(const char *format)
{
	char text[2000];
	const char *d = fixture_directory;

	(void)rmdir(fixture_path("names"));
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
	(void)snprintf(text, sizeof(text), format, d, d, d, d, d);
#pragma GCC diagnostic pop
	fixture_write("names", text, strlen(text), 0644);
}

static void
a_file_names_line_by_line(void **state)
{
	struct material *m;

	(void)state;
	write_key("a.key");
	fixture_write("a.pem", "x", 1, 0644);
	write_key("a.ocsp");
	write_names("# names\n"
		    "\n"
		    "  \t\n"
		    "a.example.org %s/a.pem %s/a.key %s/a.ocsp\n"
		    "\t *.example.org\t%s/a.key  %s/a.key   ");
	m = load();
	assert_string_equal(tls_fixture_problems, "");
	assert_non_null(m);
	assert_int_equal(m->n_pairs, 3);
	expect_pair(m, "a.example.org", "a.pem", "a.key", "a.ocsp");
	expect_pair(m, "*.example.org", "a.key", "a.key", NULL);
	assert_false(material_has_changed(m));
	write_names("# none\n");
	assert_true(material_has_changed(m));
	material_free(m);
}

static void
bad_lines_are_refused(void **state)
{
	static const char *const bad[] = {"a.example.org\n", "a.example.org %s/a.key\n",
		"a.example.org a.key a.key\n", "a.example.org %s/a.key %s/a.key x\n",
		"a.example.org %s/a.key %s/a.key %s/a.key %s/a.key\n",
		"a_/b %s/a.key %s/a.key\n", "*.*.org %s/a.key %s/a.key\n",
		".org %s/a.key %s/a.key\n", "a..org %s/a.key %s/a.key\n"};

	(void)state;
	write_key("a.key");
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		char text[300];
		(void)snprintf(text, sizeof(text), "\n%s", bad[i]);
		write_names(text);
		expect_refusal("names:2: ");
	}
	fixture_write("names", "a\0b", 3, 0644);
	expect_refusal("error tls.sni: ");
	write_names("# none\n");
	assert_int_equal(chmod(fixture_path("names"), 0666), 0);
	expect_refusal("error tls.sni: ");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tls_fixture_tear_down)

int
test_tls_material_names(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_directory_names_by_files),
		TEST(a_directory_names_as_certbot_does),
		TEST(what_is_no_name_is_passed_over),
		TEST(half_a_pair_is_refused),
		TEST(directories_must_be_kept),
		TEST(a_file_names_line_by_line),
		TEST(bad_lines_are_refused),
	};

	return cmocka_run_group_tests_name("tls_material_names", tests, NULL, NULL);
}
