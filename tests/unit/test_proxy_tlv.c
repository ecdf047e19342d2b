#include "tests/unit/proxy_fixture.h"

#include <string.h>

#include "tests/unit/tests.h"

/* A verified client of TLS, to be followed by more values of PP2_TYPE_SSL. */
#define VERIFIED "\3\0\0\0\0"

static void
test_ssl(void **state)
{
	(void)state;
	header_begin_inet();
	header_tlv(0x20,
		VERIFIED "\x21\0\7TLSv1.3\x22\0\3ann\x23\0\x16TLS_AES_256_GCM_SHA384"
			 "\x24\0\1x\x25\0\1y\x26\0\1z\x27\0\0\x28\0\3\0\1\2",
		67);
	assert_int_equal(header_finish(), PROXY_WHOLE);
	assert_true(header.tls && header.verified);
	assert_string_equal(header.protocol, "TLSv1.3");
	assert_string_equal(header.cipher, "TLS_AES_256_GCM_SHA384");
	assert_string_equal(header.common_name, "ann");
	/* TLS without a name, and no TLS. */
	header_begin_inet();
	header_tlv(0x20, "\1\0\0\0\1", 5);
	assert_int_equal(header_finish(), PROXY_WHOLE);
	assert_true(header.tls);
	assert_false(header.verified);
	header_begin_inet();
	header_tlv(0x20, "\0\0\0\0\0", 5);
	assert_int_equal(header_finish(), PROXY_WHOLE);
	assert_false(header.tls || header.verified);
}

/* A name counts only with TLS, a certificate and a verification that found no fault. */
static void
test_verified(void **state)
{
	(void)state;
	for (unsigned client = 0; client < 256; client++)
		for (unsigned verify = 0; verify < 5; verify++) {
			unsigned char value[] = {
				(unsigned char)client, 0, 0, 0, 0, 0x22, 0, 1, 'a'};
			bool verified = verify == 0 && (client & 1) && (client & 6);

			if (verify > 0)
				value[verify] = 1;
			header_begin_inet();
			header_tlv(0x20, value, sizeof(value));
			assert_int_equal(header_finish(), PROXY_WHOLE);
			assert_int_equal(header.tls, client & 1);
			assert_int_equal(header.verified, verified);
			assert_string_equal(header.common_name, verified ? "a" : "");
		}
	/* What is said of TLS where there is none is not believed. */
	header_begin_inet();
	header_tlv(0x20, "\0\0\0\0\0\x21\0\7TLSv1.3\x23\0\1x", 19);
	assert_int_equal(header_finish(), PROXY_WHOLE);
	assert_string_equal(header.protocol, "");
	assert_string_equal(header.cipher, "");
}

static const struct {
	const char *p;
	size_t n;
} bad_ssl[] = {
	{"", 0},
	{"\3\0\0\0", 4},
	{VERIFIED "\x22", 6},
	{VERIFIED "\x22\0", 7},
	{VERIFIED "\x22\0\1", 8},
	{VERIFIED "\x22\0\4ann", 11},
	{VERIFIED "\x22\1\3ann", 11},
	{VERIFIED "\x22\0\2ann", 11},
	{VERIFIED "\x22\0\3ann\0", 12},
	{VERIFIED "\x22\0\3a\0n", 11},
	{VERIFIED "\x22\0\3a\nn", 11},
	{VERIFIED "\x22\0\3a\x7fn", 11},
	{VERIFIED "\x22\0\1a\x22\0\1a", 13},
	{VERIFIED "\x22\0\0\x22\0\1a", 12},
	{VERIFIED "\x21\0\1a\x21\0\1a", 13},
	{VERIFIED "\x23\0\1a\x23\0\1a", 13},
	{VERIFIED "\x21\0\x10 23456789abcdef ", 24},
	{VERIFIED "\x21\0\1\t", 9},
	{VERIFIED "\x23\0\1\r", 9},
	/* Of a certificate that nobody verified, too. */
	{"\3\0\0\0\1\x22\0\1\n", 9},
};

static void
test_bad_ssl(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(bad_ssl) / sizeof(bad_ssl[0]); i++) {
		header_begin_inet();
		header_tlv(0x20, bad_ssl[i].p, bad_ssl[i].n);
		assert_int_equal(header_finish(), PROXY_BAD);
	}
	header_begin_inet();
	header_tlv(0x20, "\1\0\0\0\1", 5);
	header_tlv(0x20, "\1\0\0\0\1", 5);
	assert_int_equal(header_finish(), PROXY_BAD);
}

/* The longest text that is taken, and one octet more. */
static void
test_long_texts(void **state)
{
	static const struct {
		unsigned type;
		size_t most;
	} rows[] = {{0x21, 15}, {0x22, 255}, {0x23, 63}};
	char text[257], value[300];

	(void)state;
	memset(text, 'x', sizeof(text));
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		for (size_t n = rows[i].most; n <= rows[i].most + 1; n++) {
			memcpy(value, VERIFIED, 5);
			value[5] = (char)rows[i].type;
			value[6] = (char)(n >> 8);
			value[7] = (char)n;
			memcpy(value + 8, text, n);
			header_begin_inet();
			header_tlv(0x20, value, n + 8);
			assert_int_equal(header_finish(),
				n == rows[i].most ? PROXY_WHOLE : PROXY_BAD);
		}
	header_begin_inet();
	header_tlv(0x02, text, 255);
	assert_int_equal(header_finish(), PROXY_WHOLE);
	assert_int_equal(strlen(header.sni), 255);
	header_begin_inet();
	header_tlv(0x02, text, 256);
	assert_int_equal(header_finish(), PROXY_BAD);
}

static void
test_authority(void **state)
{
	(void)state;
	header_begin_inet();
	header_tlv_text(0x02, "p\xc3\xb6p.example");
	assert_int_equal(header_finish(), PROXY_WHOLE);
	assert_string_equal(header.sni, "p\xc3\xb6p.example");
	header_begin_inet();
	header_tlv(0x02, "", 0);
	assert_int_equal(header_finish(), PROXY_WHOLE);
	assert_string_equal(header.sni, "");
	header_begin_inet();
	header_tlv(0x02, "a\0b", 3);
	assert_int_equal(header_finish(), PROXY_BAD);
	header_begin_inet();
	header_tlv_text(0x02, "a\r\nb");
	assert_int_equal(header_finish(), PROXY_BAD);
	header_begin_inet();
	header_tlv_text(0x02, "a");
	header_tlv_text(0x02, "a");
	assert_int_equal(header_finish(), PROXY_BAD);
}

static void
test_session(void **state)
{
	char id[130], hex[129];

	(void)state;
	header_begin_inet();
	header_tlv_text(0x05, "C0A80001:DC04_~!");
	assert_int_equal(header_finish(), PROXY_WHOLE);
	assert_string_equal(header.session, "C0A80001:DC04_~!");
	header_begin_inet();
	header_tlv(0x05,
		"\0\x9f"
		"A",
		3);
	assert_int_equal(header_finish(), PROXY_WHOLE);
	assert_string_equal(header.session, "009f41");
	/* A space would end the word, a letter of another set may not be one. */
	header_begin_inet();
	header_tlv_text(0x05, "a b");
	assert_int_equal(header_finish(), PROXY_WHOLE);
	assert_string_equal(header.session, "612062");
	header_begin_inet();
	header_tlv_text(0x05, "\xc3\xb6\x7f");
	assert_int_equal(header_finish(), PROXY_WHOLE);
	assert_string_equal(header.session, "c3b67f");
	memset(id, 'x', sizeof(id));
	header_begin_inet();
	header_tlv(0x05, id, 128);
	assert_int_equal(header_finish(), PROXY_WHOLE);
	assert_int_equal(strlen(header.session), 128);
	header_begin_inet();
	header_tlv(0x05, id, 129);
	assert_int_equal(header_finish(), PROXY_BAD);
	/* As hex it is cut. */
	memset(id, 1, sizeof(id));
	for (size_t i = 0; i < 128; i++)
		hex[i] = i % 2 == 0 ? '0' : '1';
	hex[128] = '\0';
	for (size_t n = 64; n <= 128; n++) {
		header_begin_inet();
		header_tlv(0x05, id, n);
		assert_int_equal(header_finish(), PROXY_WHOLE);
		assert_string_equal(header.session, hex);
	}
	header_begin_inet();
	header_tlv(0x05, id, 129);
	assert_int_equal(header_finish(), PROXY_BAD);
	header_begin_inet();
	header_tlv_text(0x05, "a");
	header_tlv_text(0x05, "b");
	assert_int_equal(header_finish(), PROXY_BAD);
}

/* Types that are none of ours may come as they like, as long as they end. */
static void
test_other_types(void **state)
{
	(void)state;
	for (unsigned type = 0; type < 256; type++) {
		if (type == 0x02 || type == 0x03 || type == 0x05 || type == 0x20)
			continue;
		header_begin_inet();
		header_tlv(type, "", 0);
		header_tlv(type, "\0\1\n", 3);
		header_tlv_text(0x05, "id");
		assert_int_equal(header_finish(), PROXY_WHOLE);
		assert_string_equal(header.session, "id");
		assert_false(header.tls);
		assert_string_equal(header.common_name, "");
	}
}

static void
test_malformed_tlv(void **state)
{
	(void)state;
	for (size_t n = 1; n < 3 + 4; n++) {
		header_begin_inet();
		header_tlv(0x04, "pad", 3);
		header_tlv(0xe0, "four", 4);
		header_n = 16 + 12 + 6 + n;
		assert_int_equal(header_finish(), PROXY_BAD);
	}
	header_begin_inet();
	header_add("\4\xff\xff", 3);
	assert_int_equal(header_finish(), PROXY_BAD);
	/* Behind addresses of no use, too. */
	header_begin(HEADER_PROXY, 0x00);
	header_add("\4\0\1", 3);
	assert_int_equal(header_finish(), PROXY_BAD);
}

int
test_proxy_tlv(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ssl),
		cmocka_unit_test(test_verified),
		cmocka_unit_test(test_bad_ssl),
		cmocka_unit_test(test_long_texts),
		cmocka_unit_test(test_authority),
		cmocka_unit_test(test_session),
		cmocka_unit_test(test_other_types),
		cmocka_unit_test(test_malformed_tlv),
	};

	return cmocka_run_group_tests_name("proxy_tlv", tests, NULL, NULL);
}
