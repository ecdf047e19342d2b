#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "pop3d/capability.h"
#include "tests/unit/tests.h"
#include "tests/unit/wire_fixture.h"

/* The whole reply, through a buffer of one size. */
static void
expect_reply(char *mechanisms, bool plaintext, const struct mail_policy *policy,
	size_t cap, const char *expected)
{
	struct config config = {.auth = {.mechanisms = mechanisms}};
	struct service service = {.config = &config};
	struct connection connection = {.plaintext = plaintext, .service = &service};
	unsigned char buf[512];
	struct output output;
	struct wire wire;

	assert_true(cap <= sizeof(buf));
	wire_open(&wire, WIRE_SOCKET);
	output_init(&output, &wire.stream, 1, buf, cap);
	capability_write(&connection, CAPABILITY_AUTHORIZATION, policy, &output);
	assert_int_equal(output_flush(&output), STREAM_OK);
	wire_expect(&wire, expected);
	wire_close(&wire);
}

static void
expect(const char *names, bool plaintext, const char *differs)
{
	const struct mail_policy none = {.expire = CONFIG_NEVER};
	char mechanisms[64], expected[512];

	(void)snprintf(mechanisms, sizeof(mechanisms), "%s", names);
	(void)snprintf(expected, sizeof(expected),
		"+OK Capability list follows\r\nTOP\r\nUIDL\r\n%s"
		"RESP-CODES\r\nAUTH-RESP-CODE\r\nPIPELINING\r\n"
		"EXPIRE NEVER\r\nIMPLEMENTATION pop3d\r\n.\r\n",
		differs);
	for (size_t cap = 5; cap < 256; cap++)
		expect_reply(mechanisms, plaintext, &none, cap, expected);
}

/* What is announced is what would be accepted, whatever the order in the configuration.
 */
static void
test_reply(void **state)
{
	(void)state;
	expect("USER PLAIN LOGIN", true, "USER\r\nSASL PLAIN LOGIN\r\n");
	expect("LOGIN USER SCRAM PLAIN", true, "USER\r\nSASL PLAIN LOGIN\r\n");
	expect("USER PLAIN LOGIN", false, "");
	expect("USER", true, "USER\r\n");
	expect("PLAIN", true, "SASL PLAIN\r\n");
	expect("", true, "");
	/* It shows no password, and APOP is announced in the greeting. */
	expect("USER CRAM-MD5 APOP", false, "SASL CRAM-MD5\r\n");
}

static void
test_site_policy(void **state)
{
	static const struct {
		struct mail_policy policy;
		const char *lines;
	} cases[] = {
		{{0, 0, false, false, false}, "EXPIRE 0"},
		{{0, 30, true, false, false}, "LOGIN-DELAY 0\r\nEXPIRE 30"},
		{{86400, 36500, true, true, true},
			"LOGIN-DELAY 86400 USER\r\nEXPIRE 36500 USER"},
		{{60, CONFIG_NEVER, true, false, false},
			"LOGIN-DELAY 60\r\nEXPIRE NEVER"},
	};
	char mechanisms[] = "", expected[512];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		(void)snprintf(expected, sizeof(expected),
			"+OK Capability list follows\r\nTOP\r\nUIDL\r\nRESP-CODES\r\n"
			"AUTH-RESP-CODE\r\nPIPELINING\r\n%s\r\n"
			"IMPLEMENTATION pop3d\r\n.\r\n",
			cases[i].lines);
		expect_reply(mechanisms, true, &cases[i].policy, 200, expected);
	}
}

int
test_capability(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_reply),
		cmocka_unit_test(test_site_policy),
	};

	return cmocka_run_group_tests_name("capability", tests, NULL, NULL);
}
