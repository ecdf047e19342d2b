#include "tests/unit/proxy_fixture.h"

#include <string.h>

#include "tests/unit/tests.h"

#define BINARY "\r\n\r\n\0\r\nQUIT\n"

/* A literal with its length: some have a NUL in them. */
#define OCTETS(text)                                                                     \
	{                                                                                \
		text, sizeof(text) - 1                                                   \
	}

struct octets {
	const char *p;
	size_t n;
};

static enum proxy_status
parse_line(const char *line)
{
	return header_parse(line, strlen(line), PROXY_V1);
}

/* A line says nothing else. */
static void
expect_no_more(void)
{
	assert_false(header.health_check || header.tls || header.verified);
	assert_string_equal(header.protocol, "");
	assert_string_equal(header.cipher, "");
	assert_string_equal(header.sni, "");
	assert_string_equal(header.common_name, "");
	assert_string_equal(header.subject, "");
	assert_string_equal(header.session, "");
}

static void
test_tcp4(void **state)
{
	(void)state;
	/* The example of section 2.1. */
	assert_int_equal(parse_line("PROXY TCP4 192.168.0.1 192.168.0.11 56324 443\r\n"),
		PROXY_WHOLE);
	assert_true(header.addressed);
	header_expect(&header.peer, "192.168.0.1", 56324);
	header_expect(&header.self, "192.168.0.11", 443);
	expect_no_more();
	assert_int_equal(
		parse_line("PROXY TCP4 255.255.255.255 255.255.255.255 65535 65535\r\n"),
		PROXY_WHOLE);
	header_expect(&header.peer, "255.255.255.255", 65535);
	assert_int_equal(parse_line("PROXY TCP4 0.0.0.0 127.0.0.1 0 0\r\n"), PROXY_WHOLE);
	header_expect(&header.peer, "0.0.0.0", 0);
	assert_false(header.peer.local);
	assert_true(header.self.local);
}

static void
test_tcp6(void **state)
{
	(void)state;
	assert_int_equal(parse_line("PROXY TCP6 "
				    "ffff:ffff:ffff:ffff:ffff:ffff:ffff:fFFF "
				    "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff "
				    "65535 65535\r\n"),
		PROXY_WHOLE);
	assert_true(header.addressed);
	header_expect(&header.peer, "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", 65535);
	header_expect(&header.self, "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", 65535);
	expect_no_more();
	assert_int_equal(parse_line("PROXY TCP6 2001:DB8::7 2001:0db8::0001 1 995\r\n"),
		PROXY_WHOLE);
	header_expect(&header.peer, "2001:db8::7", 1);
	assert_string_equal(header.peer.network, "2001:db8::");
	header_expect(&header.self, "2001:db8::1", 995);
	/* As a socket for both families has it. */
	assert_int_equal(
		parse_line("PROXY TCP6 ::ffff:192.0.2.7 ::1 1024 110\r\n"), PROXY_WHOLE);
	header_expect(&header.peer, "192.0.2.7", 1024);
	header_expect(&header.self, "::1", 110);
}

static void
test_unknown(void **state)
{
	static const struct octets lines[] = {
		OCTETS("PROXY UNKNOWN\r\n"),
		OCTETS("PROXY UNKNOWN \r\n"),
		OCTETS("PROXY UNKNOWN ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff "
		       "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535 65535\r\n"),
		OCTETS("PROXY UNKNOWN 192.0.2.1 192.0.2.2 1 2\r\n"),
		OCTETS("PROXY UNKNOWN  what\0\1\xff ever\r\n"),
	};

	(void)state;
	assert_int_equal(lines[2].n, 107);
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		assert_int_equal(
			header_parse(lines[i].p, lines[i].n, PROXY_ANY), PROXY_WHOLE);
		assert_false(header.addressed);
		header_expect(&header.peer, "", 0);
		header_expect(&header.self, "", 0);
		expect_no_more();
	}
}

static const struct octets malformed[] = {
	OCTETS("proxy TCP4 192.0.2.1 192.0.2.2 1 2\r\n"),
	OCTETS(" PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\n"),
	OCTETS("PROXY  TCP4 192.0.2.1 192.0.2.2 1 2\r\n"),
	OCTETS("PROXY\tTCP4 192.0.2.1 192.0.2.2 1 2\r\n"),
	OCTETS("PROXY TCP4  192.0.2.1 192.0.2.2 1 2\r\n"),
	OCTETS("PROXY TCP4 192.0.2.1  192.0.2.2 1 2\r\n"),
	OCTETS("PROXY TCP4 192.0.2.1 192.0.2.2  1 2\r\n"),
	OCTETS("PROXY TCP4 192.0.2.1 192.0.2.2 1  2\r\n"),
	OCTETS("PROXY TCP4 192.0.2.1 192.0.2.2 1 2 \r\n"),
	OCTETS("PROXY TCP4 192.0.2.1 192.0.2.2 1 2 3\r\n"),
	OCTETS("PROXY TCP4 192.0.2.1 192.0.2.2 1\r\n"),
	OCTETS("PROXY TCP4 192.0.2.1 192.0.2.2 1 \r\n"),
	OCTETS("PROXY TCP4 192.0.2.1 192.0.2.2\r\n"),
	OCTETS("PROXY TCP4 192.0.2.1\r\n"),
	OCTETS("PROXY TCP4 \r\n"),
	OCTETS("PROXY TCP4\r\n"),
	OCTETS("PROXY \r\n"),
	OCTETS("PROXY\r\n"),
	OCTETS("\r\n"),
	OCTETS("PROXY TCP5 192.0.2.1 192.0.2.2 1 2\r\n"),
	OCTETS("PROXY UDP4 192.0.2.1 192.0.2.2 1 2\r\n"),
	OCTETS("PROXY tcp4 192.0.2.1 192.0.2.2 1 2\r\n"),
	OCTETS("PROXY TCP44 192.0.2.1 192.0.2.2 1 2\r\n"),
	OCTETS("PROXY UNKNOWNS\r\n"),
	OCTETS("PROXY UNKNOWN\n"),
	OCTETS("PROXY UNKNOWN\r\r\n"),
	OCTETS("PROXY UNKNOWN\r"
	       "1\r\n"),
	OCTETS("PROXY UNKNOWN a\nb\r\n"),
	OCTETS("PROXY UNKNOWN a\rb\r\n"),
	OCTETS("PROXY unknown\r\n"),
	OCTETS("PROXY TCP4 192.0.2.1 192.0.2.2 1 2\n"),
	OCTETS("PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\r\n"),
	OCTETS("PROXY TCP4 192.0.2.1 192.0.2.2 1 2\n\r\n"),
	OCTETS("PROXY TCP4 192.0.2.1\r192.0.2.2 1 2\r\n"),
	OCTETS("PROXY TCP4 192.0.2.1 192.0.2.2 1 2\0\r\n"),
	OCTETS("PROXY TCP4 192.0.2.1\0 192.0.2.2 1 2\r\n"),
	OCTETS("PROXY TCP4 192.0.2.1\0192.0.2.2 1 2\r\n"),
	OCTETS("PROXY TCP4 192.0.2.01 192.0.2.2 1 2\r\n"),
	OCTETS("PROXY TCP4 192.0.2.1 192.00.2.2 1 2\r\n"),
	OCTETS("PROXY TCP4 192.0.2.256 192.0.2.2 1 2\r\n"),
	OCTETS("PROXY TCP4 192.0.2 192.0.2.2 1 2\r\n"),
	OCTETS("PROXY TCP4 192.0.2.1.1 192.0.2.2 1 2\r\n"),
	OCTETS("PROXY TCP4 192.0.2. 192.0.2.2 1 2\r\n"),
	OCTETS("PROXY TCP4 192.0..2 192.0.2.2 1 2\r\n"),
	OCTETS("PROXY TCP4 3221225985 192.0.2.2 1 2\r\n"),
	OCTETS("PROXY TCP4 0xc0.0.2.1 192.0.2.2 1 2\r\n"),
	OCTETS("PROXY TCP4 192.0.2.+1 192.0.2.2 1 2\r\n"),
	OCTETS("PROXY TCP4 192.0.2.1 192.0.2.2 65536 2\r\n"),
	OCTETS("PROXY TCP4 192.0.2.1 192.0.2.2 1 65536\r\n"),
	OCTETS("PROXY TCP4 192.0.2.1 192.0.2.2 1 18446744073709551618\r\n"),
	OCTETS("PROXY TCP4 192.0.2.1 192.0.2.2 01 2\r\n"),
	OCTETS("PROXY TCP4 192.0.2.1 192.0.2.2 1 02\r\n"),
	OCTETS("PROXY TCP4 192.0.2.1 192.0.2.2 00 2\r\n"),
	OCTETS("PROXY TCP4 192.0.2.1 192.0.2.2 -1 2\r\n"),
	OCTETS("PROXY TCP4 192.0.2.1 192.0.2.2 +1 2\r\n"),
	OCTETS("PROXY TCP4 192.0.2.1 192.0.2.2 a 2\r\n"),
	OCTETS("PROXY TCP4 192.0.2.1 192.0.2.2 1.0 2\r\n"),
	OCTETS("PROXY TCP4 2001:db8::1 2001:db8::2 1 2\r\n"),
	OCTETS("PROXY TCP4 192.0.2.1 2001:db8::2 1 2\r\n"),
	OCTETS("PROXY TCP4 ::ffff:192.0.2.1 192.0.2.2 1 2\r\n"),
	OCTETS("PROXY TCP6 192.0.2.1 192.0.2.2 1 2\r\n"),
	OCTETS("PROXY TCP6 2001:db8::1 192.0.2.2 1 2\r\n"),
	OCTETS("PROXY TCP6 192.0.2.1 2001:db8::2 1 2\r\n"),
	OCTETS("PROXY TCP6 2001:db8::1:: 2001:db8::2 1 2\r\n"),
	OCTETS("PROXY TCP6 2001:db8:1 2001:db8::2 1 2\r\n"),
	OCTETS("PROXY TCP6 2001:db8::12345 2001:db8::2 1 2\r\n"),
	OCTETS("PROXY TCP6 1:2:3:4:5:6:7:8:9 2001:db8::2 1 2\r\n"),
	OCTETS("PROXY TCP6 2001:db8::g 2001:db8::2 1 2\r\n"),
	OCTETS("PROXY TCP6 [2001:db8::1] 2001:db8::2 1 2\r\n"),
	OCTETS("PROXY TCP6 fe80::1%eth0 2001:db8::2 1 2\r\n"),
	OCTETS("PROXY TCP6 ::ffff:192.0.2.01 2001:db8::2 1 2\r\n"),
	OCTETS("PROXY TCP6 2001:db8::1 2001:db8::2 1 65536\r\n"),
	/* 108 octets, and 107 without an end. */
	OCTETS("PROXY UNKNOWN ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff "
	       "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535 65535 \r\n"),
	OCTETS("PROXY UNKNOWN ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff "
	       "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535 65535 6"),
	/* Others' protocols. */
	OCTETS("GET / HTTP/1.1\r\n"),
	OCTETS("CAPA\r\n"),
	OCTETS("QUIT\r\n"),
	OCTETS("PASS secret\r\n"),
	OCTETS("\x16\3\1\2\0\1\0\1\xfc\3\3"),
	/* Octets behind the end. */
	OCTETS("PROXY UNKNOWN\r\nQ"),
	OCTETS("PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\n\r\n"),
};

/* Nothing that is not a header turns into one, nor does one that was bad. */
static void
test_malformed(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(malformed) / sizeof(malformed[0]); i++) {
		const struct octets *line = &malformed[i];
		bool bad = false;

		assert_int_equal(header_parse(line->p, line->n, PROXY_V1), PROXY_BAD);
		for (size_t n = 0; n < line->n; n++) {
			enum proxy_status status = header_parse(line->p, n, PROXY_ANY);

			bad = bad || status == PROXY_BAD;
			assert_true(!bad || status == PROXY_BAD);
		}
	}
}

static const struct octets good[] = {
	OCTETS("PROXY UNKNOWN\r\n"),
	OCTETS("PROXY UNKNOWN x\r\n"),
	OCTETS("PROXY TCP4 1.2.3.4 5.6.7.8 9 0\r\n"),
	OCTETS("PROXY TCP4 255.255.255.255 255.255.255.255 65535 65535\r\n"),
	OCTETS("PROXY TCP6 :: 2001:db8:0:0:0:0:0:1 56324 110\r\n"),
	OCTETS(BINARY "\x20\0\0\0"),
	OCTETS(BINARY "\x21\0\0\0"),
	OCTETS(BINARY "\x21\x11\0\x0c\1\2\3\4\5\6\7\x08\0\x09\0\x6e"),
	OCTETS(BINARY "\x21\x11\0\x10\1\2\3\4\5\6\7\x08\0\x09\0\x6e\4\0\1x"),
};

#define GOOD (sizeof(good) / sizeof(good[0]))

static void
test_truncated(void **state)
{
	(void)state;
	for (size_t i = 0; i < GOOD; i++) {
		assert_int_equal(
			header_parse(good[i].p, good[i].n, PROXY_ANY), PROXY_WHOLE);
		for (size_t n = 0; n < good[i].n; n++) {
			assert_int_equal(
				header_parse(good[i].p, n, PROXY_ANY), PROXY_MORE);
			assert_in_range(header_wanted, 1, good[i].n - n);
		}
	}
}

/* How many octets are read at once: few enough for what follows, but not one by one. */
static void
test_wanted(void **state)
{
	(void)state;
	assert_int_equal(header_parse("", 0, PROXY_V1), PROXY_MORE);
	assert_int_equal(header_wanted, 12);
	assert_int_equal(header_parse("", 0, PROXY_V2), PROXY_MORE);
	assert_int_equal(header_wanted, 12);
	assert_int_equal(header_parse("PROXY", 5, PROXY_V1), PROXY_MORE);
	assert_int_equal(header_wanted, 7);
	assert_int_equal(header_parse("PROXY TCP4 1", 12, PROXY_V1), PROXY_MORE);
	assert_int_equal(header_wanted, 1);
	assert_int_equal(header_parse(BINARY, 12, PROXY_V2), PROXY_MORE);
	assert_int_equal(header_wanted, 4);
	assert_int_equal(header_parse(BINARY "\x21\x11\1\2", 16, PROXY_V2), PROXY_MORE);
	assert_int_equal(header_wanted, 0x102);
}

/* Read as a program would, each time as much as is header_wanted, or one octet only. */
static size_t
feed(const struct octets *octets, bool slowly, enum proxy_status *status)
{
	size_t n = 0;

	while ((*status = header_parse(octets->p, n, PROXY_ANY)) == PROXY_MORE) {
		n += slowly ? 1 : header_wanted;
		assert_in_range(n, 1, octets->n);
	}
	return n;
}

static void
test_feeding(void **state)
{
	struct proxy_header whole;
	enum proxy_status status;

	(void)state;
	for (size_t i = 0; i < GOOD; i++) {
		assert_int_equal(
			header_parse(good[i].p, good[i].n, PROXY_ANY), PROXY_WHOLE);
		whole = header;
		assert_int_equal(feed(&good[i], false, &status), good[i].n);
		assert_int_equal(status, PROXY_WHOLE);
		assert_memory_equal(&header, &whole, sizeof(whole));
		assert_int_equal(feed(&good[i], true, &status), good[i].n);
		assert_int_equal(status, PROXY_WHOLE);
		assert_memory_equal(&header, &whole, sizeof(whole));
	}
}

/* The first octet tells that it is a version that was not asked for, or none. */
static void
test_versions(void **state)
{
	(void)state;
	for (size_t i = 0; i < GOOD; i++) {
		bool line = good[i].p[0] == 'P';

		for (size_t n = 1; n <= good[i].n; n++) {
			assert_int_equal(
				header_parse(good[i].p, n, PROXY_NONE), PROXY_BAD);
			assert_int_equal(
				header_parse(good[i].p, n, line ? PROXY_V2 : PROXY_V1),
				PROXY_BAD);
			assert_int_equal(
				header_parse(good[i].p, n, line ? PROXY_V1 : PROXY_V2),
				n < good[i].n ? PROXY_MORE : PROXY_WHOLE);
		}
	}
	assert_int_equal(header_parse("", 0, PROXY_NONE), PROXY_BAD);
	for (int first = 0; first < 256; first++) {
		char octet = (char)first;

		assert_int_equal(header_parse(&octet, 1, PROXY_ANY),
			first == 'P' || first == '\r' ? PROXY_MORE : PROXY_BAD);
	}
}

/* What shows on its way that it is none is not waited for. */
static void
test_early(void **state)
{
	static const char *const prefixes[] = {"PASS", "PROXYX", "PROXY  ", "PROXY U4",
		"PROXY TCP4\t", "PROXY TCP4 x", "PROXY TCP4 1:", "PROXY TCP4 1\n",
		"PROXY TCP6 [", "PROXY UNKNOWNX", "PROXY UNKNOWN\n", "PROXY UNKNOWN\rx"};
	static char line[107];

	(void)state;
	for (size_t i = 0; i < sizeof(prefixes) / sizeof(prefixes[0]); i++)
		assert_int_equal(parse_line(prefixes[i]), PROXY_BAD);
	memset(line, ' ', sizeof(line));
	memcpy(line, "PROXY UNKNOWN", 13);
	assert_int_equal(header_parse(line, 105, PROXY_V1), PROXY_MORE);
	assert_int_equal(header_parse(line, 106, PROXY_V1), PROXY_BAD);
	line[105] = '\r';
	assert_int_equal(header_parse(line, 106, PROXY_V1), PROXY_MORE);
	line[106] = '\n';
	assert_int_equal(header_parse(line, 107, PROXY_V1), PROXY_WHOLE);
}

int
test_proxy(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_tcp4),
		cmocka_unit_test(test_tcp6),
		cmocka_unit_test(test_unknown),
		cmocka_unit_test(test_malformed),
		cmocka_unit_test(test_truncated),
		cmocka_unit_test(test_wanted),
		cmocka_unit_test(test_feeding),
		cmocka_unit_test(test_versions),
		cmocka_unit_test(test_early),
	};

	return cmocka_run_group_tests_name("proxy", tests, NULL, NULL);
}
