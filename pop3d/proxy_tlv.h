/*
 * What stands behind the addresses of a binary PROXY header: type, length and value,
 * again and again.  Pure; for proxy_v2.c alone, which has the whole header of n octets,
 * the first TLV at octet `at`, not behind its end.
 */
#ifndef PROXY_TLV_H
#define PROXY_TLV_H

#include "pop3d/proxy.h"

/* False if there is a checksum, and a wrong one, or two; other faults are not looked for.
 */
bool proxy_tlv_checksum(const unsigned char *p, size_t n, size_t at);

/*
 * Take what is of use into *header, which is all zero there.  False if anything is
 * malformed, or if a type that is of use comes twice.
 */
bool proxy_tlv_take(
	const unsigned char *p, size_t n, size_t at, struct proxy_header *header);

#endif
