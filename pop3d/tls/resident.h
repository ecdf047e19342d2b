/*
 * The resident process: keeps the context loaded and forks a relay for each connection.
 */
#ifndef TLS_RESIDENT_H
#define TLS_RESIDENT_H

#include "pop3d/tls/setup.h"

/* Serve requests until nobody is left who could send one; the exit status. */
int resident_run(const struct tls_setup *setup, char **arguments);

#endif
