/*
 * The binary header of the PROXY protocol, proxy-protocol.txt section 2.2.  Pure; for
 * proxy.c alone.
 */
#ifndef PROXY_V2_H
#define PROXY_V2_H

#include "pop3d/proxy.h"

/* As proxy_parse(), of at least one octet and of this version alone. */
enum proxy_status proxy_v2_parse(
	const unsigned char *p, size_t n, struct proxy_header *header, size_t *wanted);

#endif
