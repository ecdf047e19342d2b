#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "pop3d/capability.h"
#include "tests/unit/tests.h"
#include "tests/unit/wire_fixture.h"

/* The whole reply, through a buffer of one size. */
static void
expect_reply(bool plaintext, size_t cap, const char *expected)
{
	static char mechanisms[] = "LOGIN USER SCRAM PLAIN";
	const struct config config = {.auth = {.mechanisms = mechanisms}};
	struct service service = {.config = &config};
	struct connection connection = {.plaintext = plaintext, .service = &service};
	unsigned char buf[512];
	struct output output;
	struct wire wire;

	assert_true(cap <= sizeof(buf));
	wire_open(&wire, WIRE_SOCKET);
	output_init(&output, &wire.stream, 1, buf, cap);
	capability_write(&connection, &output);
	assert_int_equal(output_flush(&output), STREAM_OK);
	wire_expect(&wire, expected);
	wire_close(&wire);
}

static void
test_reply(void **state)
{
	static const char with[] =
		"+OK Capability list follows\r\nTOP\r\nUIDL\r\nUSER\r\n"
		"SASL PLAIN LOGIN\r\n"
		"RESP-CODES\r\nAUTH-RESP-CODE\r\nPIPELINING\r\n"
		"IMPLEMENTATION pop3d\r\n.\r\n";
	static const char without[] = "+OK Capability list follows\r\nTOP\r\nUIDL\r\n"
				      "RESP-CODES\r\nAUTH-RESP-CODE\r\nPIPELINING\r\n"
				      "IMPLEMENTATION pop3d\r\n.\r\n";

	(void)state;
	for (size_t cap = 5; cap < 256; cap++) {
		expect_reply(true, cap, with);
		expect_reply(false, cap, without);
	}
}

int
test_capability(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_reply),
	};

	return cmocka_run_group_tests_name("capability", tests, NULL, NULL);
}
