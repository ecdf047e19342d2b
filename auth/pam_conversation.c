#include "auth/pam_conversation.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <syslog.h>

static int
answer_give(struct pam_conversation *own, const char *text, struct pam_response *answer)
{
	answer->resp = strdup(text);
	if (answer->resp != NULL)
		return PAM_SUCCESS;
	own->broken = true;
	return PAM_BUF_ERR;
}

static int
answer_refuse(struct pam_conversation *own)
{
	own->asked_more = true;
	return PAM_CONV_ERR;
}

/* Some modules ask "login: ", some "Login", whatever the prompt was set to. */
static bool
is_login_prompt(const char *text)
{
	const size_t n = sizeof(PAM_CONVERSATION_PROMPT) - 2;

	if (strncasecmp(text, PAM_CONVERSATION_PROMPT, n) != 0)
		return false;
	text += n;
	return text[strspn(text, ": ")] == '\0';
}

/* A message may quote what the client said; the log gets nothing of that. */
static void
message_log(const struct pam_conversation *own, const char *text)
{
	const struct auth_host *host = own->host;

	if (strstr(text, own->user) != NULL ||
		(own->password != NULL && strstr(text, own->password) != NULL))
		text = "(a message that quotes the client)";
	host->log(host->cookie, LOG_DEBUG, "PAM says: %s", text);
}

static int
message_answer(struct pam_conversation *own, const struct pam_message *message,
	struct pam_response *answer)
{
	const char *text = message->msg != NULL ? message->msg : "", *password;

	switch (message->msg_style) {
	case PAM_PROMPT_ECHO_OFF:
		password = own->password;
		own->password = NULL;
		if (password != NULL)
			return answer_give(own, password, answer);
		return answer_refuse(own);
	case PAM_PROMPT_ECHO_ON:
		if (is_login_prompt(text))
			return answer_give(own, own->user, answer);
		return answer_refuse(own);
	case PAM_ERROR_MSG:
	case PAM_TEXT_INFO:
		message_log(own, text);
		return PAM_SUCCESS;
	default:
		return answer_refuse(own);
	}
}

static void
answers_discard(
	const struct pam_conversation *own, struct pam_response *answers, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (answers[i].resp == NULL)
			continue;
		own->host->wipe(answers[i].resp, strlen(answers[i].resp));
		free(answers[i].resp);
	}
	free(answers);
}

int
pam_conversation_answer(int n, const struct pam_message **messages,
	struct pam_response **answers, void *cookie)
{
	struct pam_conversation *own = cookie;
	struct pam_response *made;
	int status = PAM_SUCCESS;

	*answers = NULL;
	if (n <= 0 || n > PAM_MAX_NUM_MSG)
		return PAM_CONV_ERR;
	made = calloc((size_t)n, sizeof(*made));
	if (made == NULL) {
		own->broken = true;
		return PAM_BUF_ERR;
	}
	for (int i = 0; i < n && status == PAM_SUCCESS; i++)
		status = message_answer(own, messages[i], &made[i]);
	if (status == PAM_SUCCESS)
		*answers = made;
	else
		answers_discard(own, made, (size_t)n);
	return status;
}

enum auth_result
pam_conversation_result(int status)
{
	switch (status) {
	case PAM_SUCCESS:
		return AUTH_OK;
	case PAM_USER_UNKNOWN:
		return AUTH_UNKNOWN;
	case PAM_AUTH_ERR:
	case PAM_PERM_DENIED:
	case PAM_MAXTRIES:
	case PAM_CRED_INSUFFICIENT:
	case PAM_CRED_EXPIRED:
	case PAM_ACCT_EXPIRED:
	case PAM_AUTHTOK_EXPIRED:
	case PAM_NEW_AUTHTOK_REQD:
	case PAM_CONV_ERR:
		return AUTH_DENY;
	default:
		return AUTH_TEMPFAIL;
	}
}
