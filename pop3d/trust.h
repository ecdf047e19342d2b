/*
 * server.trusted_networks: who may say for whom it speaks.
 */
#ifndef TRUST_H
#define TRUST_H

#include <stdbool.h>

#include "pop3d/address.h"

/* True if a list, its words separated by spaces, is empty or all of it means something.
 */
bool trust_check(const char *list);

/* True if a peer is in the list.  A peer without a network is: nobody else reaches us. */
bool trust_has(const char *list, const struct address *peer);

#endif
