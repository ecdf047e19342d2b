/*
 * Password hashes of crypt(3), see crypt(5): those that people bring along when they move
 * here.  Checked by libcrypt, after a look at what the check would cost.
 */
#ifndef PASSWORD_CRYPT_H
#define PASSWORD_CRYPT_H

#include "auth/password_hash.h"

#define PASSWORD_CRYPT_MAX 511u /* octets of a password that libcrypt takes */

/* What a hash asks us to spend: PASSWORD_RIGHT if that is acceptable. */
enum password_verdict password_crypt_cost(const char *hash);

/* Check a password, whatever it costs; one that is too long is wrong at once. */
enum password_verdict password_crypt_verify(const char *hash, struct auth_span password);

#endif
