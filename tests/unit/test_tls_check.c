#include "tests/unit/tls_fixture.h"

#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "pop3d/tls/check.h"
#include "tests/unit/tests.h"

static bool
check(void)
{
	return tls_check(&tls_fixture_setup, &tls_fixture_report);
}

/* Certificates for names that end when they end; NAME.pem. */
static void
add_name(const char *name, long until)
{
	const struct tls_fixture_wish wish = {.common_name = name, .until = until};
	struct tls_fixture_identity made = tls_fixture_make(&wish);

	tls_fixture_pem(name, 0600, &made, NULL, made.key);
	tls_fixture_free(&made);
}

static void
what_is_good_is_not_talked_about(void **state)
{
	(void)state;
	assert_true(check());
	assert_string_equal(tls_fixture_problems, "");
	/* Looking leaves nothing behind. */
	assert_int_equal(access(fixture_path("run"), F_OK), -1);
}

static void
what_cannot_be_read_is_told(void **state)
{
	(void)state;
	assert_int_equal(chmod(fixture_path("main.key"), 0666), 0);
	assert_false(check());
	assert_true(tls_fixture_complained("error tls.key: "));
}

/* Each of them, and not the first alone. */
static void
every_problem_is_told(void **state)
{
	(void)state;
	assert_int_equal(mkdir(fixture_path("names"), 0755), 0);
	tls_fixture_setup.sni = tls_fixture_path("names");
	add_name("names/a.example.org.pem", 0);
	add_name("names/b.example.org.pem", 0);
	add_name("names/c.example.org.pem", 0);
	tls_fixture_pem("names/b.example.org.pem", 0600, &tls_fixture_main, NULL, NULL);
	tls_fixture_pem(
		"names/c.example.org.pem", 0600, NULL, NULL, tls_fixture_main.key);
	assert_false(check());
	assert_non_null(strstr(tls_fixture_problems, "b.example.org.pem"));
	assert_null(strstr(tls_fixture_problems, "a.example.org.pem"));
	assert_true(tls_fixture_complained("c.example.org.pem"));
	tls_fixture_setup.sni = "";
	tls_fixture_setup.ciphers = "NOPE";
	tls_fixture_setup.groups = "NEVER";
	assert_false(check());
	assert_non_null(strstr(tls_fixture_problems, "tls.ciphers: NOPE"));
	assert_true(tls_fixture_complained("tls.groups: NEVER"));
}

static void
ends_are_told_in_time(void **state)
{
	(void)state;
	assert_int_equal(mkdir(fixture_path("names"), 0755), 0);
	tls_fixture_setup.sni = tls_fixture_path("names");
	add_name("names/a.example.org.pem", 15 * TLS_FIXTURE_DAY);
	assert_true(check());
	assert_string_equal(tls_fixture_problems, "");
	add_name("names/b.example.org.pem", 13 * TLS_FIXTURE_DAY);
	assert_true(check());
	assert_null(strstr(tls_fixture_problems, "a.example.org"));
	assert_true(tls_fixture_complained("warning tls.sni: "));
	add_name("names/c.example.org.pem", -60);
	add_name("names/d.example.org.pem", -60);
	assert_false(check());
	assert_non_null(strstr(tls_fixture_problems, "b.example.org.pem: expires on "));
	assert_non_null(
		strstr(tls_fixture_problems, "c.example.org.pem: has expired on "));
	assert_true(tls_fixture_complained("d.example.org.pem: has expired on "));
}

/* The one in the middle ends like the one at the end. */
static void
the_whole_chain_is_looked_at(void **state)
{
	static const struct tls_fixture_wish ca_wish = {
		.common_name = "CA", .authority = true, .until = 5 * TLS_FIXTURE_DAY};
	struct tls_fixture_identity ca = tls_fixture_make(&ca_wish);
	const struct tls_fixture_wish wish = {.common_name = "leaf", .issuer = &ca};
	const struct tls_fixture_wish late_wish = {
		.common_name = "late", .from = 3600, .until = 30 * TLS_FIXTURE_DAY};
	struct tls_fixture_identity leaf = tls_fixture_make(&wish);
	struct tls_fixture_identity late = tls_fixture_make(&late_wish);

	(void)state;
	tls_fixture_pem("main.pem", 0644, &leaf, &ca, NULL);
	tls_fixture_pem("main.key", 0600, NULL, NULL, leaf.key);
	assert_true(check());
	assert_true(tls_fixture_complained("warning tls.certificate: "));
	tls_fixture_pem("main.pem", 0644, &late, NULL, NULL);
	tls_fixture_pem("main.key", 0600, NULL, NULL, late.key);
	assert_false(check());
	assert_true(tls_fixture_complained("main.pem: is not valid before "));
	tls_fixture_free(&leaf);
	tls_fixture_free(&late);
	tls_fixture_free(&ca);
}

static void
the_administrators_ticket_keys_are_looked_at(void **state)
{
	unsigned char octets[80] = {0};

	(void)state;
	tls_fixture_setup.ticket_keys = tls_fixture_path("keys");
	assert_false(check());
	assert_true(tls_fixture_complained("error tls.ticket_keys: "));
	fixture_write("keys", octets, sizeof(octets), 0600);
	assert_true(check());
	assert_string_equal(tls_fixture_problems, "");
	assert_int_equal(chmod(fixture_path("keys"), 0644), 0);
	assert_false(check());
	assert_true(tls_fixture_complained("error tls.ticket_keys: "));
	tls_fixture_setup.ticket_lifetime = 0;
	assert_true(check());
	assert_string_equal(tls_fixture_problems, "");
}

#define TEST(name)                                                                       \
	cmocka_unit_test_setup_teardown(name, tls_fixture_set_up, tls_fixture_tear_down)

int
test_tls_check(void)
{
	const struct CMUnitTest tests[] = {
		TEST(what_is_good_is_not_talked_about),
		TEST(what_cannot_be_read_is_told),
		TEST(every_problem_is_told),
		TEST(ends_are_told_in_time),
		TEST(the_whole_chain_is_looked_at),
		TEST(the_administrators_ticket_keys_are_looked_at),
	};

	return cmocka_run_group_tests_name("tls_check", tests, NULL, NULL);
}
