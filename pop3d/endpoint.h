/*
 * How the connections of one socket begin: with TLS, with a PROXY header.
 *
 * The socket's name says so, as systemd passes it in LISTEN_FDNAMES or as it stands
 * before the address of -l: words joined by '+', e.g. "pop3s+proxy-v2".  A socket that
 * nobody named has the name of its unit: "pop3s.socket" is as good as "pop3s".
 */
#ifndef ENDPOINT_H
#define ENDPOINT_H

#include <stdbool.h>
#include <stddef.h>

#include "pop3d/config.h"
#include "pop3d/proxy.h"

#define ENDPOINT_NAME_MAX 63u

struct endpoint {
	enum config_tls_mode tls;
	enum proxy_versions proxy;
};

/*
 * What a name says, and the configuration where it says nothing.  Names that
 * do not begin with the word pop3 or pop3s are others' and say nothing.  False: it does,
 * but goes on with a word that means nothing.
 */
bool endpoint_of(
	const char *name, const struct config *config, struct endpoint *endpoint);

#endif
