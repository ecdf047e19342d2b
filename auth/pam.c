/*
 * The module "pam": users as Linux-PAM knows them.
 *
 * PAM's modules are code of others that may print, fork, change the directory or the
 * signals: they have a process of their own here, which dies after one login.  With
 * `session = yes` that process keeps the PAM session open until the mail session ends.
 */
#include <assert.h>
#include <errno.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>

#include <security/pam_appl.h>

#include "auth/auth_module.h"
#include "auth/pam_conversation.h"

#define PASSWD_OCTETS 65536 /* of an entry of getpwnam(3) with all its strings */

struct pam_context {
	const struct auth_host *host;
	const char *service;
	bool session;
	char user[AUTH_USER_MAX + 1]; /* as the client gave it; outlives the request */
	struct pam_conversation conversation;
	pam_handle_t *handle; /* of the session that close() must end, or NULL */
};

static const char *const keys[] = {"service", "session", NULL};

/* It becomes the name of a file. */
static bool
service_is_valid(const char *name)
{
	size_t n = strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				"0123456789._-");

	return n > 0 && n <= 64 && name[n] == '\0' && name[0] != '.';
}

static bool
keys_read(struct pam_context *own)
{
	const struct auth_host *host = own->host;
	const char *service = host->config(host->cookie, "service");
	const char *session = host->config(host->cookie, "session");

	own->service = service != NULL ? service : "pop3";
	own->session = session != NULL && strcmp(session, "yes") == 0;
	if (!service_is_valid(own->service)) {
		host->log(host->cookie, LOG_ERR, "service: expected a file name");
		return false;
	}
	if (!own->session && session != NULL && strcmp(session, "no") != 0) {
		host->log(host->cookie, LOG_ERR, "session: expected yes or no");
		return false;
	}
	return true;
}

static bool
module_open(void **context, const struct auth_host *host)
{
	struct pam_context *own = calloc(1, sizeof(*own));

	if (own == NULL) {
		host->log(host->cookie, LOG_ERR, "%s", strerror(errno));
		return false;
	}
	own->host = host;
	if (!keys_read(own)) {
		free(own);
		return false;
	}
	*context = own;
	return true;
}

/* The monitor delays answers; a delay in here would come on top of that. */
static void
delay_skip(int status, unsigned usec, void *cookie)
{
	(void)status;
	(void)usec;
	(void)cookie;
}

static int
items_set(pam_handle_t *handle, const struct auth_request *request)
{
	void (*const skip)(int, unsigned, void *) = delay_skip;
	const void *item;
	int status = PAM_SUCCESS;

	/* ISO C knows no cast from a function to a void pointer, PAM asks for one. */
	static_assert(sizeof(item) == sizeof(skip), "pointers to code and data differ");
	memcpy(&item, &skip, sizeof(item));
	if (request->remote[0] != '\0')
		status = pam_set_item(handle, PAM_RHOST, request->remote);
	if (status == PAM_SUCCESS)
		status = pam_set_item(handle, PAM_TTY, "pop3");
	if (status == PAM_SUCCESS)
		status = pam_set_item(handle, PAM_USER_PROMPT, PAM_CONVERSATION_PROMPT);
	if (status == PAM_SUCCESS)
		status = pam_set_item(handle, PAM_FAIL_DELAY, item);
	return status;
}

/* What a step came to, with a reason for the log unless it went well. */
static enum auth_result
step_judge(const struct pam_context *own, pam_handle_t *handle, const char *step,
	int status, struct auth_out *out)
{
	const struct auth_host *host = own->host;
	enum auth_result result = pam_conversation_result(status);
	const char *more = "";

	if (result == AUTH_OK)
		return result;
	if (own->conversation.broken)
		result = AUTH_TEMPFAIL;
	else if (own->conversation.asked_more) {
		result = AUTH_DENY;
		more = ", something other than the password was asked for";
	}
	(void)snprintf(out->reason, sizeof(out->reason), "%s: %s%s", step,
		pam_strerror(handle, status), more);
	if (result == AUTH_TEMPFAIL)
		host->log(host->cookie, LOG_ERR, "service %s: %s", own->service,
			out->reason);
	return result;
}

static enum auth_result
account_check(const struct pam_context *own, pam_handle_t *handle, struct auth_out *out)
{
	int status = pam_acct_mgmt(handle, PAM_DISALLOW_NULL_AUTHTOK);
	enum auth_result result = step_judge(own, handle, "account", status, out);

	/* The password was right: no other module shall be asked. */
	if (result == AUTH_UNKNOWN)
		result = AUTH_DENY;
	if (status == PAM_NEW_AUTHTOK_REQD)
		(void)snprintf(out->reason, sizeof(out->reason), "password expired");
	return result;
}

static enum auth_result
reason_give(struct auth_out *out, enum auth_result result, const char *reason)
{
	(void)snprintf(out->reason, sizeof(out->reason), "%s", reason);
	return result;
}

static bool
field_copy(char *field, size_t size, const char *value)
{
	int n = snprintf(field, size, "%s", value != NULL ? value : "");

	return n >= 0 && (size_t)n < size;
}

/*
 * PAM's modules may have changed the name.  A user who has no entry is a virtual one,
 * whose ids are the configuration's.
 */
static enum auth_result
identity_fill(pam_handle_t *handle, struct auth_out *out)
{
	static char strings[PASSWD_OCTETS];
	struct auth_identity *identity = &out->identity;
	struct passwd entry, *found = NULL;
	const void *name = NULL;

	if (pam_get_item(handle, PAM_USER, &name) != PAM_SUCCESS || name == NULL)
		return reason_give(out, AUTH_TEMPFAIL, "PAM has no name for the user");
	if (!field_copy(identity->user, sizeof(identity->user), name))
		return reason_give(out, AUTH_TEMPFAIL, "PAM's user name is too long");
	errno = getpwnam_r(name, &entry, strings, sizeof(strings), &found);
	if (found == NULL && errno != 0 && errno != ENOENT)
		return reason_give(out, AUTH_TEMPFAIL, strerror(errno));
	if (found == NULL)
		return AUTH_OK;
	identity->uid = entry.pw_uid;
	identity->gid = entry.pw_gid;
	if (!field_copy(identity->user, sizeof(identity->user), entry.pw_name) ||
		!field_copy(identity->home, sizeof(identity->home), entry.pw_dir))
		return reason_give(
			out, AUTH_TEMPFAIL, "the user's name or home is too long");
	return AUTH_OK;
}

static enum auth_result
session_open(struct pam_context *own, pam_handle_t *handle, struct auth_out *out)
{
	enum auth_result result;

	result = step_judge(
		own, handle, "credentials", pam_setcred(handle, PAM_ESTABLISH_CRED), out);
	if (result == AUTH_OK) {
		result = step_judge(
			own, handle, "session", pam_open_session(handle, 0), out);
		if (result != AUTH_OK)
			(void)pam_setcred(handle, PAM_DELETE_CRED);
	}
	if (result == AUTH_UNKNOWN)
		result = AUTH_DENY;
	if (result != AUTH_OK)
		return result;
	own->handle = handle;
	out->hold = 1;
	return AUTH_OK;
}

static enum auth_result
handle_verify(struct pam_context *own, pam_handle_t *handle,
	const struct auth_request *request, struct auth_out *out)
{
	int status = items_set(handle, request);
	enum auth_result result = step_judge(own, handle, "start", status, out);

	if (result == AUTH_OK)
		result = step_judge(own, handle, "authentication",
			pam_authenticate(handle, PAM_DISALLOW_NULL_AUTHTOK), out);
	if (result == AUTH_OK)
		result = account_check(own, handle, out);
	if (result == AUTH_OK)
		result = identity_fill(handle, out);
	if (result == AUTH_OK && own->session)
		result = session_open(own, handle, out);
	return result;
}

static enum auth_result
module_verify(void *context, const struct auth_request *request, struct auth_out *out)
{
	struct pam_context *own = context;
	const struct pam_conv conv = {pam_conversation_answer, &own->conversation};
	pam_handle_t *handle = NULL;
	enum auth_result result;

	/* Some of PAM's modules cut what is longer. */
	if (request->secret.n >= PAM_MAX_RESP_SIZE)
		return reason_give(out, AUTH_DENY, "the password is too long for PAM");
	if (own->handle != NULL)
		return reason_give(out, AUTH_TEMPFAIL, "a session is open already");
	if (!field_copy(own->user, sizeof(own->user), request->user))
		return reason_give(out, AUTH_DENY, "the user name is too long");
	if (!own->host->wait_turn(own->host->cookie))
		return reason_give(
			out, AUTH_TEMPFAIL, "too many passwords are being checked");
	own->conversation = (struct pam_conversation){
		own->host, own->user, (const char *)request->secret.p, false, false};
	if (pam_start(own->service, request->user, &conv, &handle) != PAM_SUCCESS)
		return reason_give(out, AUTH_TEMPFAIL, "PAM cannot be started");
	result = handle_verify(own, handle, request, out);
	/* The request is not ours any more when a session is closed. */
	own->conversation.password = NULL;
	if (own->handle == NULL)
		(void)pam_end(handle, result == AUTH_OK ? PAM_SUCCESS : PAM_AUTH_ERR);
	return result;
}

static void
session_close(struct pam_context *own)
{
	const struct auth_host *host = own->host;
	int status = pam_close_session(own->handle, 0);

	if (status != PAM_SUCCESS)
		host->log(host->cookie, LOG_ERR, "service %s: closing the session: %s",
			own->service, pam_strerror(own->handle, status));
	(void)pam_setcred(own->handle, PAM_DELETE_CRED);
	(void)pam_end(own->handle, status);
}

static void
module_close(void *context)
{
	struct pam_context *own = context;

	if (own->handle != NULL)
		session_close(own);
	free(own);
}

const struct auth_module pop3d_auth_module = {
	.abi = POP3D_AUTH_ABI,
	.size = sizeof(struct auth_module),
	.name = "pam",
	.keys = keys,
	.proofs = AUTH_PROOF_PASSWORD,
	.flags = AUTH_FLAG_ROOT,
	.open = module_open,
	.verify = module_verify,
	.close = module_close,
};
