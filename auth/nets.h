/*
 * Lists of networks as Dovecot's allow_nets has them: addresses and networks in CIDR
 * form, separated by commas; the word "local" is a client without an address.
 */
#ifndef NETS_H
#define NETS_H

#include <stdbool.h>

#include "auth/auth_module.h"

/* True if every word of a list means something, and there is at least one. */
bool nets_are_valid(struct auth_span list);

/*
 * True if a list has an address: numeric, or "" for none.  An IPv4 address that is
 * written as IPv6 is taken as IPv4.
 */
bool nets_match(struct auth_span list, const char *address);

#endif
