/*
 * The client's messages of OAUTHBEARER (RFC 7628 section 3.1) and XOAUTH2: a bearer
 * token, and whom and what it is meant for.  Pure.
 */
#ifndef OAUTH_MESSAGE_H
#define OAUTH_MESSAGE_H

#include "auth/auth_module.h"

/* The spans point into the message; p is NULL for what it does not hold. */
struct oauth_message {
	char user[AUTH_USER_MAX + 1]; /* whose mail is wanted; "": the token's user */
	struct auth_span auth;        /* credentials as HTTP has them, RFC 6750 */
	struct auth_span host;        /* the server that the client means */
	struct auth_span port;
};

/* Each returns NULL, or what is wrong with a message as a constant text. */
const char *oauth_message_parse_bearer(
	struct auth_span in, struct oauth_message *message);
const char *oauth_message_parse_xoauth2(
	struct auth_span in, struct oauth_message *message);

/* The token in "Bearer TOKEN" (RFC 6750 section 2.1); p is NULL if there is none. */
struct auth_span oauth_message_token(struct auth_span auth);

#endif
