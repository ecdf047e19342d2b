#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "pop3d/xclient.h"
#include "tests/unit/tests.h"

static struct proxy_header header;

/* Parse a copy that ends where it ends, on a socket of 198.51.100.1:110. */
static bool
parse(const char *text)
{
	char *copy = strdup(text);
	bool good;

	assert_non_null(copy);
	memset(&header, 0xa5, sizeof(header));
	assert_true(address_of_text(&header.self, "198.51.100.1", 110));
	good = xclient_parse(copy, &header);
	free(copy);
	return good;
}

static void
expect(const struct address *address, const char *text, uint16_t port)
{
	assert_string_equal(address->text, text);
	assert_int_equal(address->port, port);
}

static void
expect_nothing(void)
{
	assert_false(header.addressed || header.tls || header.verified);
	assert_false(header.health_check);
	expect(&header.peer, "", 0);
	expect(&header.self, "198.51.100.1", 110);
	assert_string_equal(header.session, "");
	assert_string_equal(header.protocol, "");
	assert_string_equal(header.cipher, "");
	assert_string_equal(header.sni, "");
	assert_string_equal(header.common_name, "");
	assert_string_equal(header.subject, "");
}

static void
test_dovecot(void **state)
{
	(void)state;
	assert_true(parse("ADDR=192.0.2.1 PORT=1234 SESSION=x3Zb/9+q TTL=5 "
			  "CLIENT-TRANSPORT=TLS FORWARD=YT1i DESTADDR=192.0.2.2 "
			  "DESTPORT=995"));
	assert_true(header.addressed && header.tls);
	assert_false(header.verified);
	expect(&header.peer, "192.0.2.1", 1234);
	expect(&header.self, "192.0.2.2", 995);
	assert_string_equal(header.session, "x3Zb/9+q");
	assert_true(parse("ADDR=2001:db8::7 PORT=65535 CLIENT-TRANSPORT=insecure"));
	assert_true(header.addressed);
	assert_false(header.tls);
	expect(&header.peer, "2001:db8::7", 65535);
	assert_string_equal(header.peer.network, "2001:db8::");
	expect(&header.self, "198.51.100.1", 110);
}

static void
test_order_and_case(void **state)
{
	(void)state;
	assert_true(parse("  port=7  addr=127.0.0.1 destport=8 destaddr=::1 "
			  "client-transport=tls  "));
	assert_true(header.addressed && header.tls && header.peer.local);
	expect(&header.peer, "127.0.0.1", 7);
	expect(&header.self, "::1", 8);
	/* Where a port is not told, it is not another address's. */
	assert_true(parse("ADDR=192.0.2.1 DESTADDR=192.0.2.2"));
	expect(&header.peer, "192.0.2.1", 0);
	expect(&header.self, "192.0.2.2", 0);
	assert_true(parse("ADDR=192.0.2.1 PORT=00065 DESTPORT=9"));
	expect(&header.peer, "192.0.2.1", 65);
	expect(&header.self, "198.51.100.1", 110);
}

static void
test_ipv6(void **state)
{
	(void)state;
	assert_true(parse("ADDR=IPV6:2001:db8::1 DESTADDR=ipv6:::1"));
	expect(&header.peer, "2001:db8::1", 0);
	expect(&header.self, "::1", 0);
	assert_true(parse("ADDR=IPV6:::ffff:192.0.2.1"));
	expect(&header.peer, "192.0.2.1", 0);
}

static void
test_nothing(void **state)
{
	static const char *const texts[] = {"", " ", "PORT=1", "DESTPORT=1", "TTL=5",
		"NAME=[UNAVAILABLE] LOGIN= X=Y X=Y A==B",
		"ADDR=[UNAVAILABLE] PORT=[TEMPUNAVAIL] SESSION=[UNAVAILABLE]",
		"DESTADDR=[UNAVAILABLE] DESTPORT=[unavailable]",
		"ADDR=[TEMPUNAVAIL] PORT=1", "CLIENT-TRANSPORT=[UNAVAILABLE]",
		"CLIENT-TRANSPORT=TLSX", "CLIENT-TRANSPORT=insecure"};

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		assert_true(parse(texts[i]));
		expect_nothing();
	}
}

static void
test_malformed(void **state)
{
	static const char *const texts[] = {"ADDR", "=", "=x", "ADDR=", "ADDR= 192.0.2.1",
		"ADDR =192.0.2.1", "x", "ADDR=192.0.2.1 x", "ADDR=192.0.2.01",
		"ADDR=192.0.2", "ADDR=192.0.2.256", "ADDR=192.0.2.1:25",
		"ADDR=mail.example", "ADDR=[192.0.2.1]", "ADDR=[::1]",
		"ADDR=IPV6:", "ADDR=IPV6:192.0.2.1", "ADDR=IPV6:IPV6:::1",
		"ADDR=fe80::1%lo", "ADDR=UNAVAILABLE", "ADDR=192.0.2.1 ADDR=192.0.2.1",
		"ADDR=192.0.2.1 addr=192.0.2.1", "ADDR=[UNAVAILABLE] ADDR=192.0.2.1",
		"PORT=", "PORT=65536", "PORT=-1", "PORT=+1", "PORT=1x", "PORT=0x1",
		"PORT=18446744073709551617", "PORT=1 PORT=1", "DESTADDR=x",
		"DESTADDR=::1 DESTADDR=::1", "DESTPORT=65536", "DESTPORT=1 DESTPORT=2",
		"SESSION=", "SESSION=a\tb", "SESSION=a\x7f", "SESSION=\xc3\xb6",
		"SESSION=a SESSION=b",
		"CLIENT-TRANSPORT=", "CLIENT-TRANSPORT=TLS CLIENT-TRANSPORT=insecure",
		"ADDR=192.0.2.1\tPORT=1"};

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		assert_false(parse(texts[i]));
}

static void
test_long(void **state)
{
	char text[8192], value[8000];

	(void)state;
	memset(value, 'x', sizeof(value));
	(void)snprintf(text, sizeof(text), "SESSION=%.128s", value);
	assert_true(parse(text));
	assert_int_equal(strlen(header.session), 128);
	(void)snprintf(text, sizeof(text), "SESSION=%.129s", value);
	assert_false(parse(text));
	(void)snprintf(text, sizeof(text), "ADDR=%.200s", value);
	assert_false(parse(text));
	(void)snprintf(text, sizeof(text), "FORWARD=%.7900s ADDR=::1", value);
	assert_true(parse(text));
	expect(&header.peer, "::1", 0);
}

int
test_xclient(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_dovecot),
		cmocka_unit_test(test_order_and_case),
		cmocka_unit_test(test_ipv6),
		cmocka_unit_test(test_nothing),
		cmocka_unit_test(test_malformed),
		cmocka_unit_test(test_long),
	};

	return cmocka_run_group_tests_name("xclient", tests, NULL, NULL);
}
