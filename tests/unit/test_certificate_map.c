#include "tests/unit/auth_fixture.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "pop3d/certificate.h"
#include "tests/unit/tests.h"

#define FINGERPRINT "00112233445566778899aabbccddeeff0123456789abcdef0123456789abcdef"

static char name[AUTH_USER_MAX + 1];
static struct tls_certificate certificate;

static int
set_up(void **state)
{
	memset(&certificate, 0, sizeof(certificate));
	certificate.verified = true;
	(void)snprintf(certificate.common_name, sizeof(certificate.common_name), "ann");
	(void)snprintf(
		certificate.subject, sizeof(certificate.subject), "CN=ann,O=Example Ltd");
	(void)snprintf(certificate.fingerprint, sizeof(certificate.fingerprint), "%s",
		FINGERPRINT);
	certificate.n_emails = 1;
	(void)snprintf(
		certificate.emails[0], sizeof(certificate.emails[0]), "Ann@mail.example");
	return fixture_setup(state);
}

/* What is wrong with the map as it is; then there is nobody. */
static const char *
find(void)
{
	const char *fault;

	memset(name, 'x', sizeof(name));
	fault = certificate_user(
		&certificate, CERTIFICATE_MAP, fixture_path("map"), name);
	if (fault != NULL)
		assert_string_equal(name, "");
	return fault;
}

/* The user whom a map of this text gives; NULL if it is wrong. */
static const char *
map(const char *text)
{
	fixture_write("map", text, strlen(text), 0600);
	return find() == NULL ? name : NULL;
}

static void
test_map_kinds(void **state)
{
	(void)state;
	assert_string_equal(map("cn:ann u1\n"), "u1");
	assert_string_equal(map("cn:Ann u1\n"), "");
	assert_string_equal(map("cn:an u1\ncn:annn u2\n"), "");
	assert_string_equal(map("subject:CN=ann,O=Example Ltd u2"), "u2");
	assert_string_equal(map("subject:CN=ann,O=Example  Ltd u2\n"), "");
	assert_string_equal(map("subject:cn=ann,O=Example Ltd u2\n"), "");
	assert_string_equal(map("email:Ann@mail.example u3\n"), "u3");
	assert_string_equal(map("email:Ann@MAIL.Example \t u3\r\n"), "u3");
	assert_string_equal(map("email:ann@mail.example u3\n"), "");
	assert_string_equal(map("email:Ann@mail.example.com u3\n"), "");
	assert_string_equal(map("email:Ann u3\n"), "");
	assert_string_equal(map("email:@mail.example u3\n"), "");
	/* Any of several will do: the map chooses. */
	certificate.n_emails = 2;
	(void)snprintf(certificate.emails[1], sizeof(certificate.emails[1]), "b@c");
	assert_string_equal(map("email:b@c u5\n"), "u5");
}

static void
test_map_fingerprint(void **state)
{
	(void)state;
	assert_string_equal(map("sha256:" FINGERPRINT " u4\n"), "u4");
	assert_string_equal(map("sha256:00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE:FF:"
				"01:23:45:67:89:AB:CD:EF:01:23:45:67:89:ab:cd:ef\tu4\n"),
		"u4");
	assert_string_equal(map("sha256:ff112233445566778899aabbccddeeff"
				"0123456789abcdef0123456789abcdef u4\n"),
		"");
	assert_null(map("sha256:" FINGERPRINT "00 u4\n"));
	assert_null(map("sha256:0" FINGERPRINT " u4\n"));
	memset(certificate.fingerprint, 'g', 64);
	assert_null(map("sha256:gggggggggggggggggggggggggggggggg"
			"gggggggggggggggggggggggggggggggg u4\n"));
}

static void
test_map_order(void **state)
{
	(void)state;
	assert_string_equal(map("# cn:ann no\n\n   \ncn:bob u1\ncn:ann u2\ncn:ann u3\n"
				"email:Ann@mail.example u4\n"),
		"u2");
	assert_string_equal(map(""), "");
	assert_string_equal(map("# nobody"), "");
}

/* What a certificate does not have is not what a map can ask for. */
static void
test_map_of_empty(void **state)
{
	(void)state;
	memset(&certificate, 0, sizeof(certificate));
	certificate.verified = true;
	assert_string_equal(map("cn:ann u1\nsubject:x u1\nemail:a@b u1\n"
				"sha256:" FINGERPRINT " u1\n"),
		"");
	assert_null(map("cn: u1\n"));
	assert_null(map("subject: u1\n"));
	assert_null(map("email: u1\n"));
	assert_null(map("sha256: u1\n"));
}

/* One wrong line is found wherever it is, and lets nobody in. */
static void
test_map_wrong(void **state)
{
	static const char *const lines[] = {"ann", "cn:ann", "cn ann u1", "CN:ann u1",
		" cn:ann u1", "uid:ann u1", ":ann u1", "cn:", "u1 cn:ann",
		"sha256:0011 u1", "sha256:x u1", "cn:bob u\x7f", "cn:bob u\1"};
	char text[256];

	(void)state;
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		assert_null(map(lines[i]));
		(void)snprintf(text, sizeof(text), "cn:ann u1\n%s\n", lines[i]);
		assert_null(map(text));
	}
	fixture_write("map", "cn:ann u1\0x\n", 12, 0600);
	assert_non_null(find());
	assert_string_equal(name, "");
	fixture_write("map", "cn:ann u1\0", 10, 0600);
	assert_non_null(find());
	assert_string_equal(name, "");
}

static void
test_map_long(void **state)
{
	char text[1100];

	(void)state;
	/* A line of 1024 octets, a user of 255; one more of either. */
	memset(text, ' ', sizeof(text));
	memcpy(text, "cn:ann", 6);
	memset(text + 1024 - 255, 'u', 255);
	memcpy(text + 1024, "\n", 2);
	assert_non_null(map(text));
	assert_int_equal(strlen(name), 255);
	text[1024 - 256] = 'u';
	assert_null(map(text));
	text[1024 - 256] = ' ';
	memcpy(text + 1024, "u\n", 3);
	text[1024 - 255] = ' ';
	assert_null(map(text));
	memset(text, '#', 1025);
	assert_null(map(text));
}

static void
test_map_safety(void **state)
{
	(void)state;
	assert_string_equal(map("cn:ann u1\n"), "u1");
	assert_int_equal(chmod(fixture_path("map"), 0644), 0);
	assert_null(find());
	assert_string_equal(name, "u1");
	assert_int_equal(chmod(fixture_path("map"), 0660), 0);
	assert_non_null(find());
	assert_string_equal(name, "");
	assert_int_equal(chmod(fixture_path("map"), 0602), 0);
	assert_non_null(find());
	assert_int_equal(chmod(fixture_path("map"), 0600), 0);
	if (geteuid() == 0) {
		assert_int_equal(chown(fixture_path("map"), 12345, 0), 0);
		assert_non_null(find());
		assert_string_equal(name, "");
	}
	assert_int_equal(unlink(fixture_path("map")), 0);
	assert_non_null(find());
	/* Who opens a FIFO to read would wait. */
	assert_int_equal(mkfifo(fixture_path("map"), 0600), 0);
	assert_non_null(find());
	assert_int_equal(unlink(fixture_path("map")), 0);
	assert_int_equal(mkdir(fixture_path("map"), 0700), 0);
	assert_non_null(find());
	assert_int_equal(rmdir(fixture_path("map")), 0);
	assert_string_equal(name, "");
}

static void
test_map_link(void **state)
{
	char other[320];

	(void)state;
	(void)snprintf(other, sizeof(other), "%s", fixture_path("real"));
	assert_string_equal(map("cn:ann u1\n"), "u1");
	assert_int_equal(rename(fixture_path("map"), other), 0);
	assert_int_equal(symlink(other, fixture_path("map")), 0);
	assert_null(find());
	assert_string_equal(name, "u1");
	assert_int_equal(unlink(other), 0);
	assert_int_equal(unlink(fixture_path("map")), 0);
}

int
test_certificate_map(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_map_kinds, set_up, fixture_teardown),
		cmocka_unit_test_setup_teardown(
			test_map_fingerprint, set_up, fixture_teardown),
		cmocka_unit_test_setup_teardown(test_map_order, set_up, fixture_teardown),
		cmocka_unit_test_setup_teardown(
			test_map_of_empty, set_up, fixture_teardown),
		cmocka_unit_test_setup_teardown(test_map_wrong, set_up, fixture_teardown),
		cmocka_unit_test_setup_teardown(test_map_long, set_up, fixture_teardown),
		cmocka_unit_test_setup_teardown(
			test_map_safety, set_up, fixture_teardown),
		cmocka_unit_test_setup_teardown(test_map_link, set_up, fixture_teardown),
	};

	return cmocka_run_group_tests_name("certificate_map", tests, NULL, NULL);
}
