#include "tests/unit/proxy_fixture.h"

#include <string.h>

#include "tests/unit/tests.h"

static void
test_addresses(void **state)
{
	(void)state;
	header_begin_inet();
	assert_int_equal(header_finish(), PROXY_WHOLE);
	assert_true(header.addressed);
	assert_false(header.health_check || header.tls || header.verified);
	header_expect(&header.peer, "192.0.2.1", 1024);
	header_expect(&header.self, "192.0.2.2", 110);
	assert_string_equal(header.session, "");
	header_begin(HEADER_PROXY, 0x21);
	header_add("\x20\1\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\7", 16);
	header_add("\x20\1\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x08", 16);
	header_add("\xff\xff\3\xe3", 4);
	assert_int_equal(header_finish(), PROXY_WHOLE);
	assert_true(header.addressed);
	header_expect(&header.peer, "2001:db8::7", 65535);
	assert_string_equal(header.peer.network, "2001:db8::");
	header_expect(&header.self, "2001:db8::8", 995);
	/* Mapped: one client has one name. */
	header_begin(HEADER_PROXY, 0x21);
	header_add("\0\0\0\0\0\0\0\0\0\0\xff\xff\300\0\2\1", 16);
	header_add("\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\1", 16);
	header_add("\0\1\0\2", 4);
	assert_int_equal(header_finish(), PROXY_WHOLE);
	header_expect(&header.peer, "192.0.2.1", 1);
	header_expect(&header.self, "::1", 2);
}

/* Families without numbers: the socket's own addresses stay, what follows is taken. */
static void
test_unaddressed(void **state)
{
	static const struct {
		unsigned family;
		size_t block;
	} rows[] = {
		{0x00, 0}, {0x01, 0}, {0x10, 12}, {0x20, 36}, {0x30, 216}, {0x31, 216}};
	static const unsigned char block[216] = {1, 2, 3};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		header_begin(HEADER_PROXY, rows[i].family);
		header_add(block, rows[i].block);
		header_tlv_text(0x05, "id");
		assert_int_equal(header_finish(), PROXY_WHOLE);
		assert_false(header.addressed || header.health_check);
		header_expect(&header.peer, "", 0);
		header_expect(&header.self, "", 0);
		assert_string_equal(header.session, "id");
	}
}

static void
test_local(void **state)
{
	(void)state;
	header_begin(HEADER_LOCAL, 0x00);
	assert_int_equal(header_finish(), PROXY_WHOLE);
	assert_true(header.health_check);
	assert_false(header.addressed || header.tls);
	/* Whatever it holds is skipped, and every family. */
	for (unsigned family = 0; family < 256; family++) {
		header_begin(HEADER_LOCAL, family);
		header_add("\377\377\377\377\377\377\377\377\377\377\377\377", 12);
		assert_int_equal(header_finish(), PROXY_WHOLE);
		assert_true(header.health_check);
		assert_false(header.addressed);
	}
	header_begin_inet();
	header_octets[12] = HEADER_LOCAL;
	header_tlv_text(0x05, "id");
	header_tlv(0x20, "\3\0\0\0\0\x22\0\3ann", 11);
	assert_int_equal(header_finish(), PROXY_WHOLE);
	assert_true(header.health_check);
	assert_false(header.addressed || header.tls || header.verified);
	assert_string_equal(header.session, "");
	assert_string_equal(header.common_name, "");
}

static void
test_commands(void **state)
{
	(void)state;
	for (unsigned command = 0; command < 256; command++) {
		header_begin(command, 0x00);
		header_set_length(0);
		bool good = command == HEADER_LOCAL || command == HEADER_PROXY;
		assert_int_equal(header_first(16), good ? PROXY_WHOLE : PROXY_BAD);
		assert_int_equal(header_first(13), good ? PROXY_MORE : PROXY_BAD);
	}
}

static void
test_families(void **state)
{
	static const size_t addresses[] = {0, 12, 36, 216};

	(void)state;
	memset(header_octets, 0, sizeof(header_octets));
	for (unsigned family = 0; family < 256; family++) {
		header_begin(HEADER_PROXY, family);
		header_n += family >> 4 < 4 ? addresses[family >> 4] : 0;
		memset(header_octets + 16, 0, header_n - 16);
		bool good = family >> 4 < 4 && (family & 15) <= 1;
		assert_int_equal(header_finish(), good ? PROXY_WHOLE : PROXY_BAD);
		assert_int_equal(header_first(14), good ? PROXY_MORE : PROXY_BAD);
	}
}

static void
test_signature(void **state)
{
	(void)state;
	for (size_t i = 0; i < 12; i++) {
		header_begin(HEADER_PROXY, 0x00);
		header_set_length(0);
		header_octets[i] ^= 1;
		assert_int_equal(header_first(i + 1), PROXY_BAD);
		assert_int_equal(header_wanted, 0);
		assert_int_equal(header_first(16), PROXY_BAD);
	}
}

/* A length that the addresses do not fit into, or that is none of ours. */
static void
test_length(void **state)
{
	static const struct {
		unsigned command, family;
		size_t least;
	} rows[] = {{HEADER_PROXY, 0x11, 12}, {HEADER_PROXY, 0x10, 12},
		{HEADER_PROXY, 0x21, 36}, {HEADER_PROXY, 0x31, 216},
		{HEADER_PROXY, 0x00, 0}, {HEADER_LOCAL, 0x31, 0}};
	static const unsigned char padding[PROXY_HEADER_MAX];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		header_begin(rows[i].command, rows[i].family);
		memset(header_octets + 16, 0, sizeof(header_octets) - 16);
		for (size_t length = 0; length < rows[i].least; length++) {
			header_set_length(length);
			assert_int_equal(header_first(16), PROXY_BAD);
			assert_int_equal(header_first(16 + length), PROXY_BAD);
		}
		header_set_length(rows[i].least);
		assert_int_equal(header_first(16 + rows[i].least), PROXY_WHOLE);
		assert_int_equal(header_first(17 + rows[i].least), PROXY_BAD);
		header_set_length(PROXY_HEADER_MAX - 16);
		assert_int_equal(header_first(16), PROXY_MORE);
		assert_int_equal(header_wanted, PROXY_HEADER_MAX - 16);
		header_set_length(PROXY_HEADER_MAX - 15);
		assert_int_equal(header_first(16), PROXY_BAD);
		assert_int_equal(header_first(PROXY_HEADER_MAX + 1), PROXY_BAD);
		header_set_length(65535);
		assert_int_equal(header_first(16), PROXY_BAD);
	}
	/* As much as there may be. */
	header_begin_inet();
	header_tlv(0x04, padding, PROXY_HEADER_MAX - header_n - 3);
	assert_int_equal(header_n, PROXY_HEADER_MAX);
	assert_int_equal(header_finish(), PROXY_WHOLE);
	assert_true(header.addressed);
}

static void
test_checksum(void **state)
{
	size_t at;

	(void)state;
	assert_int_equal(
		header_crc32c((const unsigned char *)"123456789", 9), 0xe3069283);
	header_begin_inet();
	header_tlv_text(0x02, "mail.example");
	header_tlv(0x03, "\0\0\0\0", 4);
	at = header_n - 4;
	header_tlv_text(0x05, "id");
	header_set_length(header_n - 16);
	header_put_crc(at);
	assert_int_equal(header_finish(), PROXY_WHOLE);
	assert_string_equal(header.sni, "mail.example");
	assert_string_equal(header.session, "id");
	/* No bit of it may be another, but for those that make it no checksum. */
	for (size_t bit = 0; bit < 8 * header_n; bit++) {
		if (bit / 8 == at - 3)
			continue;
		header_octets[bit / 8] ^= (unsigned char)(1 << bit % 8);
		assert_int_not_equal(header_first(header_n), PROXY_WHOLE);
		header_octets[bit / 8] ^= (unsigned char)(1 << bit % 8);
	}
}

static void
test_bad_checksum(void **state)
{
	(void)state;
	/* Two, both of which are right: found by solving for them. */
	header_begin_inet();
	header_tlv(0x03, "\x3f\x57\x94\x5e", 4);
	header_tlv(0x03, "\x7e\xe5\x32\xbe", 4);
	assert_int_equal(header_finish(), PROXY_BAD);
	header_begin_inet();
	header_tlv(0x03, "\0\0\0", 3);
	assert_int_equal(header_finish(), PROXY_BAD);
	header_begin_inet();
	header_tlv(0x03, "", 0);
	assert_int_equal(header_finish(), PROXY_BAD);
	header_begin_inet();
	header_tlv(0x03, "\0\0\0\0\0", 5);
	assert_int_equal(header_finish(), PROXY_BAD);
}

/* A health check of a load balancer of Amazon's, and one with a wrong octet. */
static void
test_local_checksum(void **state)
{
	(void)state;
	header_begin(HEADER_LOCAL, 0x00);
	header_tlv(0x03, "\xa9\xb8\x7e\x8f", 4);
	assert_int_equal(header_finish(), PROXY_WHOLE);
	assert_true(header.health_check);
	header_octets[header_n - 1] ^= 1;
	assert_int_equal(header_finish(), PROXY_BAD);
	/* Behind what is no TLV there is none to look at. */
	header_begin(HEADER_LOCAL, 0x00);
	header_tlv(0x04, "", 0);
	header_octets[header_n - 1] = 200;
	header_tlv(0x03, "\0\0\0\0", 4);
	assert_int_equal(header_finish(), PROXY_WHOLE);
	header_begin_inet();
	header_octets[12] = HEADER_LOCAL;
	header_tlv(0x03, "\0\0\0\0", 4);
	assert_int_equal(header_finish(), PROXY_BAD);
}

int
test_proxy_v2(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_addresses),
		cmocka_unit_test(test_unaddressed),
		cmocka_unit_test(test_local),
		cmocka_unit_test(test_commands),
		cmocka_unit_test(test_families),
		cmocka_unit_test(test_signature),
		cmocka_unit_test(test_length),
		cmocka_unit_test(test_checksum),
		cmocka_unit_test(test_bad_checksum),
		cmocka_unit_test(test_local_checksum),
	};

	return cmocka_run_group_tests_name("proxy_v2", tests, NULL, NULL);
}
