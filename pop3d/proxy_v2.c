#include "pop3d/proxy_v2.h"

#include <netinet/in.h>
#include <string.h>
#include "pop3d/proxy_tlv.h"

static const unsigned char signature[] = {
	'\r', '\n', '\r', '\n', '\0', '\r', '\n', 'Q', 'U', 'I', 'T', '\n'};

/* Version 2 in the high nibble, a command in the low one. */
enum command { COMMAND_LOCAL = 0x20, COMMAND_PROXY = 0x21 };

/* The high nibble of the octet behind. */
enum family { FAMILY_UNSPEC, FAMILY_INET, FAMILY_INET6, FAMILY_UNIX, FAMILIES };

/* The low one.  A datagram is a protocol, too, but none that POP3 could come by. */
enum protocol { PROTOCOL_UNSPEC, PROTOCOL_STREAM };

/* Octets of both addresses and ports. */
static const size_t addresses[FAMILIES] = {
	[FAMILY_INET] = 12, [FAMILY_INET6] = 36, [FAMILY_UNIX] = 216};

/* Where things are in the fixed part, and how much that is. */
enum place {
	PLACE_COMMAND = sizeof(signature),
	PLACE_FAMILY,
	PLACE_LENGTH,
	FIXED = PLACE_LENGTH + 2,
};

static unsigned
family_of(const unsigned char *p)
{
	return p[PLACE_FAMILY] >> 4;
}

static unsigned
protocol_of(const unsigned char *p)
{
	return p[PLACE_FAMILY] & 0x0fu;
}

static size_t
number_take(const unsigned char *p)
{
	return (size_t)p[0] << 8 | p[1];
}

static bool
family_check(const unsigned char *p)
{
	/* "discard the protocol block including the family which is ignored" */
	return p[PLACE_COMMAND] == COMMAND_LOCAL ||
	       (family_of(p) < FAMILIES && protocol_of(p) <= PROTOCOL_STREAM);
}

static bool
length_check(const unsigned char *p)
{
	size_t length = number_take(p + PLACE_LENGTH);

	if (FIXED + length > PROXY_HEADER_MAX)
		return false;
	return p[PLACE_COMMAND] == COMMAND_LOCAL || length >= addresses[family_of(p)];
}

/* Whether n octets may be the beginning of a header, as far as its fixed part goes. */
static bool
fixed_check(const unsigned char *p, size_t n)
{
	if (memcmp(p, signature, n < sizeof(signature) ? n : sizeof(signature)) != 0)
		return false;
	if (n > PLACE_COMMAND && p[PLACE_COMMAND] != COMMAND_LOCAL &&
		p[PLACE_COMMAND] != COMMAND_PROXY)
		return false;
	if (n > PLACE_FAMILY && !family_check(p))
		return false;
	return n < FIXED || length_check(p);
}

/*
 * Of LOCAL nothing is used, and what is no checksum is not looked at: the receiver "must
 * accept this connection as valid".  A checksum counts: it covers the command, too, and a
 * client's header that a flipped bit made LOCAL would speak for the proxy itself.
 */
static enum proxy_status
local_take(const unsigned char *p, size_t n, struct proxy_header *header)
{
	unsigned family = family_of(p);

	if (family < FAMILIES && n - FIXED >= addresses[family] &&
		!proxy_tlv_checksum(p, n, FIXED + addresses[family]))
		return PROXY_BAD;
	header->health_check = true;
	return PROXY_WHOLE;
}

static void
inet_take(const unsigned char *octets, const unsigned char *port, struct address *address)
{
	struct sockaddr_in in = {.sin_family = AF_INET};

	memcpy(&in.sin_addr, octets, sizeof(in.sin_addr));
	memcpy(&in.sin_port, port, sizeof(in.sin_port));
	address_set(address, (const struct sockaddr *)&in, sizeof(in));
}

static void
inet6_take(
	const unsigned char *octets, const unsigned char *port, struct address *address)
{
	struct sockaddr_in6 in = {.sin6_family = AF_INET6};

	memcpy(&in.sin6_addr, octets, sizeof(in.sin6_addr));
	memcpy(&in.sin6_port, port, sizeof(in.sin6_port));
	address_set(address, (const struct sockaddr *)&in, sizeof(in));
}

/*
 * Source and destination, and then both ports.  UNIX, and whatever has no numbers, leaves
 * the socket's own addresses true.
 */
static void
addresses_take(const unsigned char *p, struct proxy_header *header)
{
	const unsigned char *block = p + FIXED;

	if (protocol_of(p) != PROTOCOL_STREAM)
		return;
	if (family_of(p) == FAMILY_INET) {
		inet_take(block, block + 8, &header->peer);
		inet_take(block + 4, block + 10, &header->self);
	} else if (family_of(p) == FAMILY_INET6) {
		inet6_take(block, block + 32, &header->peer);
		inet6_take(block + 16, block + 34, &header->self);
	} else {
		return;
	}
	header->addressed = true;
}

/* How many octets there are, as far as the first n tell. */
static size_t
octets_known(const unsigned char *p, size_t n)
{
	if (n < sizeof(signature))
		return sizeof(signature);
	return n < FIXED ? FIXED : FIXED + number_take(p + PLACE_LENGTH);
}

enum proxy_status
proxy_v2_parse(
	const unsigned char *p, size_t n, struct proxy_header *header, size_t *wanted)
{
	size_t known, behind;

	if (!fixed_check(p, n))
		return PROXY_BAD;
	known = octets_known(p, n);
	if (n < known) {
		*wanted = known - n;
		return PROXY_MORE;
	}
	if (n > known)
		return PROXY_BAD;
	memset(header, 0, sizeof(*header));
	if (p[PLACE_COMMAND] == COMMAND_LOCAL)
		return local_take(p, n, header);
	behind = FIXED + addresses[family_of(p)];
	if (!proxy_tlv_checksum(p, n, behind) || !proxy_tlv_take(p, n, behind, header))
		return PROXY_BAD;
	addresses_take(p, header);
	return PROXY_WHOLE;
}
