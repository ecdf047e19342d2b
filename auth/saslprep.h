/*
 * SASLprep (RFC 4013): the form in which names and passwords are compared, so that what
 * looks the same is the same.  By libidn; only modules and pop3ctl are linked with it.
 */
#ifndef SASLPREP_H
#define SASLPREP_H

#include <stdbool.h>

#include "auth/auth_module.h"

/*
 * Prepare text of up to 1024 octets into out, with a NUL behind it; *n is its length.
 * False if it is no UTF-8, holds a NUL, or anything that is prohibited or unassigned
 * in Unicode 3.2, is empty afterwards, or does not fit.
 */
bool saslprep(struct auth_span text, char *out, size_t size, size_t *n);

#endif
