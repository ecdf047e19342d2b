/*
 * The mechanisms there are, one file each; mechanism.c lists them.
 */
#ifndef MECHANISMS_H
#define MECHANISMS_H

#include "auth/mechanism.h"

/* USER and PASS of RFC 1939.  The only message is the name, a NUL, the password. */
extern const struct auth_mechanism auth_mechanism_user;
/* APOP of RFC 1939.  The only message is the name, a NUL, the digest. */
extern const struct auth_mechanism auth_mechanism_apop;
/* RFC 5802, RFC 7677 */
extern const struct auth_mechanism auth_mechanism_scram_sha_256;
extern const struct auth_mechanism auth_mechanism_scram_sha_256_plus;
extern const struct auth_mechanism auth_mechanism_plain;       /* RFC 4616 */
extern const struct auth_mechanism auth_mechanism_login;       /* not standardised */
extern const struct auth_mechanism auth_mechanism_cram_md5;    /* RFC 2195 */
extern const struct auth_mechanism auth_mechanism_external;    /* RFC 4422 appendix A */
extern const struct auth_mechanism auth_mechanism_oauthbearer; /* RFC 7628 */
extern const struct auth_mechanism auth_mechanism_xoauth2;     /* not standardised */

#endif
