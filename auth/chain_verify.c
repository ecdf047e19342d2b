/*
 * Asking the modules of a chain, and believing no answer that cannot be right.
 */
#include <stdio.h>
#include <string.h>
#include <syslog.h>

#include "auth/chain_state.h"
#include "auth/credential.h"

static void
identity_unset(struct auth_identity *identity)
{
	identity->uid = (uid_t)-1;
	identity->gid = (gid_t)-1;
	identity->login_delay = AUTH_UNSET;
	identity->expire = AUTH_UNSET;
}

static void
out_clear(struct auth_out *out)
{
	explicit_bzero(out, sizeof(*out));
	identity_unset(&out->identity);
}

static bool
is_text(const char *p, size_t size)
{
	const char *end = memchr(p, '\0', size);

	return end != NULL && credential_is_printable(p, (size_t)(end - p));
}

/* What is wrong with an answer, NULL if nothing is.  Nothing in it is trusted. */
static const char *
answer_fault(int result, const struct auth_out *out)
{
	const struct auth_identity *id = &out->identity;

	if (memchr(out->reason, '\0', sizeof(out->reason)) == NULL)
		return "unterminated reason";
	switch (result) {
	case AUTH_TEMPFAIL:
	case AUTH_DENY:
	case AUTH_UNKNOWN:
		return NULL;
	case AUTH_OK:
		break;
	default:
		return "result that verify() must not return";
	}
	if (!is_text(id->user, sizeof(id->user)))
		return "user name that is unterminated or has control bytes";
	if (!is_text(id->home, sizeof(id->home)))
		return "home that is unterminated or has control bytes";
	if (id->home[0] != '\0' && id->home[0] != '/')
		return "home that is not absolute";
	if (out->scram.salt_octets > AUTH_SALT_MAX)
		return "salt that is too long";
	if (!is_text(id->mail, sizeof(id->mail)))
		return "mail location that is unterminated or has control bytes";
	return NULL;
}

static enum auth_result
link_verify(
	struct chain_link *link, const struct auth_request *request, struct auth_out *out)
{
	enum auth_result result;
	const char *fault;

	out_clear(out);
	if (!link->opened) {
		chain_log(link, LOG_ERR, "asked before it was opened");
		return AUTH_TEMPFAIL;
	}
	result = link->module->verify(link->context, request, out);
	if (link->options->end_turn != NULL)
		link->options->end_turn(link->options->cookie);
	if (link->wants_part) {
		out_clear(out);
		(void)snprintf(out->reason, sizeof(out->reason),
			"module %s needs its second part", link->module->name);
		return AUTH_TEMPFAIL;
	}
	fault = answer_fault((int)result, out);
	if (fault != NULL) {
		chain_log(link, LOG_ERR, "broken answer (%d): %s", (int)result, fault);
		out_clear(out);
		(void)snprintf(out->reason, sizeof(out->reason), "module %s: %s",
			link->module->name, fault);
		return AUTH_TEMPFAIL;
	}
	if (result != AUTH_OK) {
		explicit_bzero(&out->identity, sizeof(out->identity));
		identity_unset(&out->identity);
	}
	return result;
}

/* Ask one module, if its lists let it be asked, and tell whoever wants to know. */
static enum auth_result
link_ask(
	struct chain_link *link, const struct auth_request *request, struct auth_out *out)
{
	enum auth_result result =
		auth_policy_judge(&link->policy, request->mechanism, request->user);
	bool asked = result == AUTH_OK;

	if (asked)
		result = link_verify(link, request, out);
	/* A token names its user only now, and a module may have found another name. */
	if (result == AUTH_OK && out->identity.user[0] != '\0' &&
		auth_policy_judge(&link->policy, "", out->identity.user) != AUTH_OK) {
		out_clear(out);
		result = AUTH_DENY;
		asked = false;
	}
	if (!asked)
		(void)snprintf(out->reason, sizeof(out->reason), "%s",
			result == AUTH_DENY ? "the user is denied"
					    : "not for this module");
	if (link->options->trace != NULL)
		link->options->trace(
			link->options->cookie, link->module->name, result, out->reason);
	return result;
}

/* Mechanisms see to this; a module that binds to a directory must never see it fail. */
static bool
request_is_sound(const struct auth_request *request)
{
	const struct auth_span *secret = &request->secret;
	bool has_user = credential_is_user(request->user, strlen(request->user));

	switch ((enum auth_proof)request->proof) {
	case AUTH_PROOF_PASSWORD:
		return has_user && credential_is_password(secret->p, secret->n);
	case AUTH_PROOF_APOP:
	case AUTH_PROOF_CRAM_MD5:
		return has_user && credential_is_digest(secret->p, secret->n) &&
		       request->challenge.n > 0;
	case AUTH_PROOF_SCRAM_SHA_256:
	case AUTH_PROOF_TRUSTED:
		return has_user && secret->n == 0;
	case AUTH_PROOF_TOKEN:
		return (has_user || request->user[0] == '\0') && secret->n > 0 &&
		       secret->n <= AUTH_TOKEN_MAX &&
		       credential_is_printable(secret->p, secret->n);
	}
	return false;
}

enum auth_result
auth_chain_verify(struct auth_chain *chain, const struct auth_request *request,
	struct auth_out *out)
{
	enum auth_result result = AUTH_UNKNOWN;

	out_clear(out);
	if (!request_is_sound(request)) {
		(void)snprintf(out->reason, sizeof(out->reason), "malformed request");
		return AUTH_DENY;
	}
	for (size_t i = 0; i < chain->count && result == AUTH_UNKNOWN; i++)
		if ((chain->links[i].module->proofs & request->proof) != 0)
			result = link_ask(&chain->links[i], request, out);
	if (result == AUTH_UNKNOWN) {
		(void)snprintf(
			out->reason, sizeof(out->reason), "no module knows the user");
		return AUTH_DENY;
	}
	if (result == AUTH_OK && out->identity.user[0] == '\0')
		(void)snprintf(out->identity.user, sizeof(out->identity.user), "%s",
			request->user);
	if (result == AUTH_OK && out->identity.user[0] == '\0') {
		(void)snprintf(out->reason, sizeof(out->reason), "a token of nobody");
		return AUTH_DENY;
	}
	return result;
}
