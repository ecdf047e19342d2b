#include "tests/unit/proxy_fixture.h"

#include <stdlib.h>
#include <string.h>

#define SIGNATURE "\r\n\r\n\0\r\nQUIT\n"

unsigned char header_octets[2 * PROXY_HEADER_MAX];
size_t header_n;
struct proxy_header header;
size_t header_wanted;

enum proxy_status
header_parse(const void *p, size_t n, enum proxy_versions versions)
{
	unsigned char *copy = malloc(n > 0 ? n : 1);
	enum proxy_status status;

	assert_non_null(copy);
	memcpy(copy, p, n);
	memset(&header, 0xa5, sizeof(header));
	header_wanted = SIZE_MAX;
	status = proxy_parse(copy, n, versions, &header, &header_wanted);
	free(copy);
	assert_true(status == PROXY_BAD || status == PROXY_MORE || status == PROXY_WHOLE);
	assert_int_equal(header_wanted != 0, status == PROXY_MORE);
	return status;
}

void
header_begin(unsigned command, unsigned family)
{
	memcpy(header_octets, SIGNATURE, 12);
	header_octets[12] = (unsigned char)command;
	header_octets[13] = (unsigned char)family;
	header_n = 16;
}

void
header_begin_inet(void)
{
	header_begin(HEADER_PROXY, 0x11);
	header_add("\300\0\2\1\300\0\2\2\4\0\0\x6e", 12);
}

void
header_add(const void *p, size_t n)
{
	assert_in_range(n, 0, sizeof(header_octets) - header_n);
	memcpy(header_octets + header_n, p, n);
	header_n += n;
}

void
header_tlv(unsigned type, const void *value, size_t n)
{
	const unsigned char fixed[] = {
		(unsigned char)type, (unsigned char)(n >> 8), (unsigned char)n};

	header_add(fixed, sizeof(fixed));
	header_add(value, n);
}

void
header_tlv_text(unsigned type, const char *text)
{
	header_tlv(type, text, strlen(text));
}

void
header_set_length(size_t length)
{
	header_octets[14] = (unsigned char)(length >> 8);
	header_octets[15] = (unsigned char)length;
}

enum proxy_status
header_first(size_t n)
{
	return header_parse(header_octets, n, PROXY_V2);
}

enum proxy_status
header_finish(void)
{
	header_set_length(header_n - 16);
	for (size_t n = 16; n < header_n; n++) {
		if (header_first(n) == PROXY_BAD) {
			assert_int_equal(header_first(header_n), PROXY_BAD);
			return PROXY_BAD;
		}
		assert_int_equal(header_first(n), PROXY_MORE);
		assert_int_equal(header_wanted, header_n - n);
	}
	return header_first(header_n);
}

uint32_t
header_crc32c(const unsigned char *p, size_t n)
{
	uint32_t table[256], crc = UINT32_MAX;

	for (uint32_t i = 0; i < 256; i++) {
		table[i] = i;
		for (int k = 0; k < 8; k++)
			table[i] =
				(table[i] >> 1) ^ ((table[i] & 1) != 0 ? 0x82f63b78u : 0);
	}
	while (n-- > 0)
		crc = table[(crc ^ *p++) & 0xff] ^ (crc >> 8);
	return ~crc;
}

void
header_put_crc(size_t at)
{
	uint32_t crc = header_crc32c(header_octets, header_n);

	for (unsigned shift = 32; shift > 0; shift -= 8)
		header_octets[at++] = (unsigned char)(crc >> (shift - 8));
}

void
header_expect(const struct address *address, const char *text, uint16_t port)
{
	assert_string_equal(address->text, text);
	assert_int_equal(address->port, port);
}
