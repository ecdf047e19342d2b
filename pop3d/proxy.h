/*
 * Headers of the PROXY protocol, versions 1 and 2: what something in front of us says of
 * the client.  Pure; see proxy-protocol.txt of HAProxy.
 */
#ifndef PROXY_H
#define PROXY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "pop3d/address.h"

#define PROXY_HEADER_MAX 4096u /* octets of a header that is taken */
#define PROXY_SESSION_MAX 128u /* octets of a unique id */

/* Which versions may come; never guessed, and never none where one is expected. */
enum proxy_versions { PROXY_NONE = 0, PROXY_V1 = 1, PROXY_V2 = 2, PROXY_ANY = 3 };

enum proxy_status {
	PROXY_BAD = 0, /* nothing that could follow makes it a header */
	PROXY_MORE,    /* so far it is one */
	PROXY_WHOLE,
};

/* Texts hold no control bytes and are "" where nothing was said. */
struct proxy_header {
	bool health_check; /* v2 LOCAL: the peer speaks for itself */
	bool addressed;    /* peer and self are set; else the socket's own are true */
	struct address peer;
	struct address self;
	bool tls;   /* the client came by TLS, which ended in front of us */
	bool plain; /* it did not: only XCLIENT can say so */
	char protocol[16];
	char cipher[64];
	char sni[256];
	bool verified; /* it showed a certificate that was found good */
	char common_name[256];
	char subject[512]; /* no header has it; stunnel's environment does */
	char session[PROXY_SESSION_MAX + 1];
};

/*
 * Look at the first n octets of a connection.  *wanted is how many more may be read
 * before asking again, never one behind the header; it is 0 but with PROXY_MORE.  Octets
 * that nobody wanted, behind a header, are PROXY_BAD.  *header is filled with
 * PROXY_WHOLE, and not to be used otherwise.
 */
enum proxy_status proxy_parse(const unsigned char *p, size_t n,
	enum proxy_versions versions, struct proxy_header *header, size_t *wanted);

#endif
