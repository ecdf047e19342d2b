#include "pop3d/proxy_tlv.h"

#include <string.h>

#include "auth/auth_module.h"
#include "auth/credential.h"

/* Section 2.2, those of use. */
enum type {
	TYPE_AUTHORITY = 0x02,
	TYPE_CRC32C = 0x03,
	TYPE_UNIQUE_ID = 0x05,
	TYPE_SSL = 0x20,
	TYPE_SSL_VERSION = 0x21, /* this and the next only in the value of TYPE_SSL */
	TYPE_SSL_CN = 0x22,
	TYPE_SSL_CIPHER = 0x23,
};

/* Bits of the first octet of TYPE_SSL. */
enum client { CLIENT_SSL = 1, CLIENT_CERT_CONN = 2, CLIENT_CERT_SESS = 4 };

#define TLV_FIXED 3u /* type and length */
#define CRC_OCTETS 4u
#define SSL_FIXED 5u /* the client's bits and the result of verification */

struct tlv {
	unsigned type;
	struct auth_span value;
};

/* Cut the first TLV off the front; false if there is not all of it. */
static bool
tlv_cut(struct auth_span *rest, struct tlv *tlv)
{
	if (rest->n < TLV_FIXED)
		return false;
	tlv->type = rest->p[0];
	tlv->value.p = rest->p + TLV_FIXED;
	tlv->value.n = (size_t)rest->p[1] << 8 | rest->p[2];
	if (tlv->value.n > rest->n - TLV_FIXED)
		return false;
	rest->p += TLV_FIXED + tlv->value.n;
	rest->n -= TLV_FIXED + tlv->value.n;
	return true;
}

/* CRC32c (RFC 4960 appendix B) of n octets, those of its own field taken for zero. */
static uint32_t
crc32c(const unsigned char *p, size_t n, const unsigned char *field)
{
	uint32_t crc = UINT32_MAX;

	for (const unsigned char *octet = p; octet < p + n; octet++) {
		if (octet < field || octet >= field + CRC_OCTETS)
			crc ^= *octet;
		for (int bit = 0; bit < 8; bit++)
			crc = (crc >> 1) ^ ((crc & 1) != 0 ? 0x82f63b78u : 0);
	}
	return ~crc;
}

static uint32_t
number_take(const unsigned char *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

bool
proxy_tlv_checksum(const unsigned char *p, size_t n, size_t at)
{
	struct auth_span rest = {p + at, n - at};
	struct tlv tlv;
	bool seen = false;

	while (tlv_cut(&rest, &tlv)) {
		if (tlv.type != TYPE_CRC32C)
			continue;
		if (seen || tlv.value.n != CRC_OCTETS ||
			crc32c(p, n, tlv.value.p) != number_take(tlv.value.p))
			return false;
		seen = true;
	}
	return true;
}

/* Of two values it would be the order that says whom we believe. */
static bool
is_first(uint64_t *seen, enum type type)
{
	uint64_t bit = UINT64_C(1) << type;
	bool first = (*seen & bit) == 0;

	*seen |= bit;
	return first;
}

/* What goes into a log must not be able to end a line there. */
static bool
text_take(struct auth_span value, char *text, size_t size)
{
	if (value.n >= size || !credential_is_printable(value.p, value.n))
		return false;
	memcpy(text, value.p, value.n);
	text[value.n] = '\0';
	return true;
}

/* Section 2.2.5: opaque octets.  A log has place for a word. */
static bool
session_take(struct auth_span value, char session[PROXY_SESSION_MAX + 1])
{
	static const char digits[] = "0123456789abcdef";
	bool word = true;
	size_t n = 0;

	if (value.n > PROXY_SESSION_MAX)
		return false;
	for (size_t i = 0; i < value.n; i++)
		word = word && value.p[i] > ' ' && value.p[i] < 0x7f;
	if (word)
		return text_take(value, session, PROXY_SESSION_MAX + 1);
	for (size_t i = 0; i < value.n && n + 2 <= PROXY_SESSION_MAX; i++) {
		session[n++] = digits[value.p[i] >> 4];
		session[n++] = digits[value.p[i] & 0x0f];
	}
	session[n] = '\0';
	return true;
}

static bool
ssl_text_take(const struct tlv *tlv, uint64_t *seen, struct proxy_header *header)
{
	switch (tlv->type) {
	case TYPE_SSL_VERSION:
		return is_first(seen, TYPE_SSL_VERSION) &&
		       text_take(tlv->value, header->protocol, sizeof(header->protocol));
	case TYPE_SSL_CN:
		return is_first(seen, TYPE_SSL_CN) &&
		       text_take(tlv->value, header->common_name,
			       sizeof(header->common_name));
	case TYPE_SSL_CIPHER:
		return is_first(seen, TYPE_SSL_CIPHER) &&
		       text_take(tlv->value, header->cipher, sizeof(header->cipher));
	default:
		return true;
	}
}

/* Section 2.2.6.  A name that nobody verified is nobody's. */
static bool
ssl_take(struct auth_span value, struct proxy_header *header)
{
	uint64_t seen = 0;
	struct tlv tlv;
	unsigned client;

	if (value.n < SSL_FIXED)
		return false;
	client = value.p[0];
	header->tls = (client & CLIENT_SSL) != 0;
	header->verified = header->tls &&
			   (client & (CLIENT_CERT_CONN | CLIENT_CERT_SESS)) != 0 &&
			   number_take(value.p + 1) == 0;
	value.p += SSL_FIXED;
	value.n -= SSL_FIXED;
	while (value.n > 0)
		if (!tlv_cut(&value, &tlv) || !ssl_text_take(&tlv, &seen, header))
			return false;
	if (!header->tls)
		header->protocol[0] = header->cipher[0] = '\0';
	if (!header->verified)
		header->common_name[0] = '\0';
	return true;
}

static bool
value_take(const struct tlv *tlv, uint64_t *seen, struct proxy_header *header)
{
	switch (tlv->type) {
	case TYPE_AUTHORITY:
		return is_first(seen, TYPE_AUTHORITY) &&
		       text_take(tlv->value, header->sni, sizeof(header->sni));
	case TYPE_UNIQUE_ID:
		return is_first(seen, TYPE_UNIQUE_ID) &&
		       session_take(tlv->value, header->session);
	case TYPE_SSL:
		return is_first(seen, TYPE_SSL) && ssl_take(tlv->value, header);
	default:
		return true;
	}
}

bool
proxy_tlv_take(const unsigned char *p, size_t n, size_t at, struct proxy_header *header)
{
	struct auth_span rest = {p + at, n - at};
	uint64_t seen = 0;
	struct tlv tlv;

	while (rest.n > 0)
		if (!tlv_cut(&rest, &tlv) || !value_take(&tlv, &seen, header))
			return false;
	return true;
}
