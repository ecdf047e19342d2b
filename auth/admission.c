#include "auth/admission.h"

#include <stdio.h>
#include <string.h>

#include "auth/nets.h"

/* The parser has seen to it that the value fits. */
static void
field_copy(char *field, struct auth_span value)
{
	if (value.n > 0)
		memcpy(field, value.p, value.n);
	field[value.n] = '\0';
}

enum auth_result
admission_reason(struct auth_out *out, enum auth_result result, const char *reason)
{
	(void)snprintf(out->reason, sizeof(out->reason), "%s", reason);
	return result;
}

static bool
net_is_allowed(struct auth_span list, const char *remote)
{
	return list.p == NULL || nets_match(list, remote);
}

enum auth_result
admission_judge(const struct userfile_entry *entry, const struct auth_request *request,
	struct auth_out *out)
{
	if (entry->nologin)
		return admission_reason(out, AUTH_DENY, "nologin is set");
	if (entry->nopassword)
		return admission_reason(out, AUTH_DENY, "nopassword is not supported");
	if (!net_is_allowed(entry->allow_nets, request->remote) ||
		!net_is_allowed(entry->allow_real_nets, request->remote))
		return admission_reason(
			out, AUTH_DENY, "the address is not in allow_nets");
	field_copy(
		out->identity.user, entry->login.p != NULL ? entry->login : entry->user);
	field_copy(out->identity.home, entry->home);
	field_copy(out->identity.mail, entry->mail);
	out->identity.uid = entry->uid;
	out->identity.gid = entry->gid;
	out->identity.login_delay = entry->login_delay;
	out->identity.expire = entry->expire;
	return AUTH_OK;
}
