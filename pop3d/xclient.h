/*
 * The argument of XCLIENT, by which a trusted proxy says for whom it speaks (Dovecot's
 * form of it, the words of Postfix's).  Pure.
 */
#ifndef XCLIENT_H
#define XCLIENT_H

#include <stdbool.h>

#include "pop3d/proxy.h"

/*
 * Parse NAME=VALUE words separated by spaces; names in either case.  ADDR (numeric, or
 * with IPV6: in front), PORT, DESTADDR, DESTPORT, SESSION and CLIENT-TRANSPORT (TLS means
 * TLS) are known; others are ignored, as are the values [UNAVAILABLE] and [TEMPUNAVAIL],
 * and a port without its address.  header->self must be set: it stays as it is without
 * DESTADDR.  False if a word is none, or a known name has a malformed value or comes
 * twice; *header is then not to be used.
 */
bool xclient_parse(const char *text, struct proxy_header *header);

#endif
