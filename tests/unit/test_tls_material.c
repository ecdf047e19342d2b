#include "tests/unit/tls_fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "pop3d/tls/material.h"
#include "tests/unit/tests.h"

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
expect_file(const struct material *m, size_t i, const char *name)
{
	size_t n;
	char *text = fixture_read(name, &n);

	assert_true(i < m->n_files);
	assert_string_equal(m->files[i].path, fixture_path(name));
	assert_int_equal(m->files[i].n, n);
	assert_memory_equal(m->files[i].data, text, n);
	free(text);
}

/* A file with a key is for the key process to read. */
static void
expect_secret(const struct material *m, size_t i, const char *name)
{
	unsigned char *data;
	size_t n, expected;
	char *text = fixture_read(name, &expected);

	assert_true(i < m->n_files);
	assert_string_equal(m->files[i].path, fixture_path(name));
	assert_true(m->files[i].secret);
	assert_null(m->files[i].data);
	assert_null(material_read_secret(&m->files[i], &data, &n));
	assert_int_equal(n, expected);
	assert_memory_equal(data, text, n);
	free(data);
	free(text);
}

static void
a_pair_is_read(void **state)
{
	struct material *m = load();

	(void)state;
	assert_string_equal(tls_fixture_problems, "");
	assert_non_null(m);
	assert_int_equal(m->n_pairs, 1);
	assert_null(m->pairs[0].name);
	expect_file(m, m->pairs[0].certificate, "main.pem");
	expect_secret(m, m->pairs[0].key, "main.key");
	assert_true(m->pairs[0].ocsp == MATERIAL_NONE);
	assert_true(m->client_ca == MATERIAL_NONE);
	assert_true(m->client_crl == MATERIAL_NONE);
	assert_false(material_has_changed(m));
	material_free(m);
	material_free(NULL);
}

/* A list of names in the directory, with blanks between. */
static const char *
list(const char *a, const char *b)
{
	static char texts[3][1200];
	static unsigned next;
	char *text = texts[next++ % 3];

	(void)snprintf(text, sizeof(texts[0]), "%s %s", fixture_path(a), fixture_path(b));
	return text;
}

static void
lists_belong_together(void **state)
{
	struct tls_setup *s = &tls_fixture_setup;
	struct material *m;

	(void)state;
	tls_fixture_pem("both.pem", 0600, &tls_fixture_main, NULL, tls_fixture_main.key);
	fixture_write("a.ocsp", "a", 1, 0644);
	fixture_write("b.ocsp", "b", 1, 0644);
	s->certificate = list("main.pem", "both.pem");
	expect_refusal("error tls.certificate: ");
	s->key = list("main.key", "both.pem");
	s->ocsp = fixture_path("a.ocsp");
	expect_refusal("error tls.ocsp: ");
	s->ocsp = list("a.ocsp", "b.ocsp");
	m = load();
	assert_non_null(m);
	assert_int_equal(m->n_pairs, 2);
	expect_file(m, m->pairs[0].ocsp, "a.ocsp");
	expect_file(m, m->pairs[1].ocsp, "b.ocsp");
	expect_secret(m, m->pairs[1].certificate, "both.pem");
	/* One file for both is read once. */
	assert_int_equal(m->pairs[1].certificate, m->pairs[1].key);
	material_free(m);
	s->certificate = tls_fixture_path("main.pem");
	expect_refusal("error tls.key: ");
	s->key = tls_fixture_path("main.key");
	expect_refusal("error tls.ocsp: ");
	s->ocsp = "";
	s->certificate = "";
	s->key = "";
	expect_refusal("error tls.certificate: ");
}

static void
keys_must_be_kept(void **state)
{
	static const mode_t good[] = {0400, 0600, 0640, 0440},
			    bad[] = {0604, 0602, 0620, 0644, 0660};
	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		struct material *m;
		assert_int_equal(chmod(fixture_path("main.key"), good[i]), 0);
		m = load();
		assert_non_null(m);
		material_free(m);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(chmod(fixture_path("main.key"), bad[i]), 0);
		expect_refusal("error tls.key: ");
	}
	assert_int_equal(chmod(fixture_path("main.key"), 0600), 0);
	/* The file of a certificate is anybody's to read, unless a key is in it. */
	tls_fixture_pem("main.pem", 0644, &tls_fixture_main, NULL, tls_fixture_main.key);
	tls_fixture_setup.key = tls_fixture_setup.certificate;
	expect_refusal("main.pem: must ");
	if (geteuid() != 0)
		return;
	assert_int_equal(chmod(fixture_path("main.pem"), 0600), 0);
	assert_int_equal(chown(fixture_path("main.pem"), 12345, 0), 0);
	expect_refusal("main.pem: must be owned by root");
}

/* Who writes these files says whose clients are believed. */
static void
authorities_must_be_kept(void **state)
{
	static const char *const names[] = {"ca.pem", "crl.pem"};
	struct material *m;

	(void)state;
	fixture_write("ca.pem", "x", 1, 0644);
	fixture_write("crl.pem", "x", 1, 0644);
	tls_fixture_setup.client_ca = tls_fixture_path("ca.pem");
	tls_fixture_setup.client_crl = tls_fixture_path("crl.pem");
	tls_fixture_setup.client_certificate = TLS_CLIENT_OPTIONAL;
	m = load();
	assert_non_null(m);
	expect_file(m, m->client_ca, "ca.pem");
	expect_file(m, m->client_crl, "crl.pem");
	material_free(m);
	for (size_t i = 0; i < 2; i++) {
		assert_int_equal(chmod(fixture_path(names[i]), 0664), 0);
		expect_refusal(
			i == 0 ? "error tls.client_ca: " : "error tls.client_crl: ");
		assert_int_equal(chmod(fixture_path(names[i]), 0644), 0);
	}
}

static void
only_files_are_read(void **state)
{
	size_t large = (1u << 20) + 1;
	char *text = calloc(1, large);
	struct material *m;

	(void)state;
	assert_non_null(text);
	fixture_write("main.pem", text, large - 1, 0644);
	m = load();
	assert_non_null(m);
	material_free(m);
	fixture_write("main.pem", text, large, 0644);
	free(text);
	expect_refusal("error tls.certificate: ");
	assert_int_equal(unlink(fixture_path("main.pem")), 0);
	expect_refusal("main.pem: No such file");
	/* Nobody writes to it: that must not be waited for. */
	assert_int_equal(mkfifo(fixture_path("main.pem"), 0600), 0);
	expect_refusal("main.pem: is not a regular file");
	assert_int_equal(unlink(fixture_path("main.pem")), 0);
	assert_int_equal(mkdir(fixture_path("main.pem"), 0700), 0);
	expect_refusal("main.pem: is not a regular file");
}

/* Each change that an administrator or certbot may make. */
static void
changes_are_seen(void **state)
{
	struct material *m;

	(void)state;
	assert_int_equal(
		rename(fixture_path("main.pem"), fixture_path("archive1.pem")), 0);
	assert_int_equal(symlink("archive1.pem", fixture_path("main.pem")), 0);
	m = load();
	assert_non_null(m);
	assert_false(material_has_changed(m));
	tls_fixture_pem("archive2.pem", 0644, &tls_fixture_main, NULL, NULL);
	assert_int_equal(unlink(fixture_path("main.pem")), 0);
	assert_true(material_has_changed(m));
	assert_int_equal(symlink("archive2.pem", fixture_path("main.pem")), 0);
	assert_true(material_has_changed(m));
	material_free(m);
	m = load();
	assert_false(material_has_changed(m));
	fixture_write("main.key", "x", 1, 0600);
	assert_true(material_has_changed(m));
	material_free(m);
	m = load();
	assert_int_equal(chmod(fixture_path("main.key"), 0640), 0);
	assert_true(material_has_changed(m));
	material_free(m);
}

#define TEST(name)                                                                       \
	cmocka_unit_test_setup_teardown(name, tls_fixture_set_up, tls_fixture_tear_down)

int
test_tls_material(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_pair_is_read),
		TEST(lists_belong_together),
		TEST(keys_must_be_kept),
		TEST(authorities_must_be_kept),
		TEST(only_files_are_read),
		TEST(changes_are_seen),
	};

	return cmocka_run_group_tests_name("tls_material", tests, NULL, NULL);
}
