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
expect_reply(char *mechanisms, bool plaintext, size_t cap, const char *expected)
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
	capability_write(&connection, CAPABILITY_AUTHORIZATION, &output);
	assert_int_equal(output_flush(&output), STREAM_OK);
	wire_expect(&wire, expected);
	wire_close(&wire);
}

static void
expect(const char *names, bool plaintext, const char *differs)
{
	char mechanisms[64], expected[512];

	(void)snprintf(mechanisms, sizeof(mechanisms), "%s", names);
	(void)snprintf(expected, sizeof(expected),
		"+OK Capability list follows\r\nTOP\r\nUIDL\r\n%s"
		"RESP-CODES\r\nAUTH-RESP-CODE\r\nPIPELINING\r\n"
		"IMPLEMENTATION pop3d\r\n.\r\n",
		differs);
	for (size_t cap = 5; cap < 256; cap++)
		expect_reply(mechanisms, plaintext, cap, expected);
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

int
test_capability(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_reply),
	};

	return cmocka_run_group_tests_name("capability", tests, NULL, NULL);
}
