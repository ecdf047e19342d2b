/*
 * The file client_map: for certificate.c alone, where its form is explained.
 */
#ifndef CERTIFICATE_MAP_H
#define CERTIFICATE_MAP_H

#include "auth/auth_module.h"
#include "pop3d/tls/info.h"

#define CERTIFICATE_MAP_LINE 1024u /* octets without the LF */

/* As certificate_user(), of a certificate that is verified. */
const char *certificate_map_find(const struct tls_certificate *certificate,
	const char *path, char name[AUTH_USER_MAX + 1]);

#endif
