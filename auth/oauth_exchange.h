/*
 * What OAUTHBEARER and XOAUTH2 have in common: the token goes to the modules; a refusal
 * is told to the client as JSON, and stands once the client has answered that.
 */
#ifndef OAUTH_EXCHANGE_H
#define OAUTH_EXCHANGE_H

#include "auth/mechanism.h"
#include "auth/oauth_message.h"

/*
 * The step of both mechanisms: parse is one of oauth_message.h, status what the JSON
 * calls a refused token.
 */
enum auth_result oauth_exchange_step(struct auth_exchange *exchange, struct auth_span in,
	const char *(*parse)(struct auth_span in, struct oauth_message *message),
	const char *status);

#endif
