/*
 * The conversation of the module "pam": what PAM's modules ask, and what they are told.
 *
 * They are told one password, once.  Whatever else they ask (a second factor, a new
 * password) cannot be asked of a POP3 client: the conversation then fails.
 */
#ifndef PAM_CONVERSATION_H
#define PAM_CONVERSATION_H

#include <stdbool.h>

#include <security/pam_appl.h>

#include "auth/auth_module.h"

#define PAM_CONVERSATION_PROMPT "login:" /* to be set as PAM_USER_PROMPT */

/* Zeroed but for the first three, which are borrowed.  No longer an answer than
 * PAM_MAX_RESP_SIZE - 1 octets. */
struct pam_conversation {
	const struct auth_host *host;
	const char *user;
	const char *password; /* NULL: there is none to give any more */
	bool asked_more;      /* something was asked that has no answer */
	bool broken;          /* an answer could not be given for want of memory */
};

/*
 * A struct pam_conv's function; cookie is a struct pam_conversation.  The answers belong
 * to libpam.  On failure there are none, and what was made of them is wiped.
 */
int pam_conversation_answer(int n, const struct pam_message **messages,
	struct pam_response **answers, void *cookie);

/*
 * What a status of libpam means for a login.  PAM_CONV_ERR is AUTH_DENY: somebody asked
 * what no client can answer.
 */
enum auth_result pam_conversation_result(int status);

#endif
