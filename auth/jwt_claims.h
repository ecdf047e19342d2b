/*
 * What a token must say to open a mailbox (RFC 7519 section 4.1).
 */
#ifndef JWT_CLAIMS_H
#define JWT_CLAIMS_H

#include <jansson.h>
#include <stdbool.h>
#include <time.h>

#include "auth/auth_module.h"

struct jwt_rules {
	const char *issuer;     /* "iss" */
	const char *audience;   /* "aud", or one of it */
	const char *scope;      /* one of "scope", or of "scp"; NULL: any */
	const char *user_claim; /* the name of the claim that names the user */
	bool unverified_email;  /* the issuer need not say that it knows an "email" */
	unsigned long leeway;   /* seconds that clocks may differ by */
};

/* True if the token is of this issuer, so that it is for these rules to judge. */
bool jwt_claims_is_ours(const struct jwt_rules *rules, const json_t *claims);

/* NULL if the claims are good at this time, or what is wrong as a constant text. */
const char *jwt_claims_check(
	const struct jwt_rules *rules, const json_t *claims, time_t now);

/* Put the name of the user into user; false if there is none that a user could have. */
bool jwt_claims_user(const struct jwt_rules *rules, const json_t *claims,
	char user[AUTH_USER_MAX + 1]);

#endif
