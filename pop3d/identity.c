#include "pop3d/identity.h"

/* The configuration's own gid may be low: spools belong to groups like mail. */
static bool
is_low_gid(const struct service *service, gid_t gid)
{
	return gid < service->config->auth.min_gid && gid != service->mail_gid;
}

const char *
identity_complete(const struct service *service, struct auth_identity *identity)
{
	if (identity->uid == (uid_t)-1)
		identity->uid = service->mail_uid;
	if (identity->gid == (gid_t)-1)
		identity->gid = service->mail_gid;
	if (identity->uid == (uid_t)-1 || identity->gid == (gid_t)-1)
		return "no uid or gid, neither of its own nor in [mail]";
	if (identity->uid == 0 || identity->gid == 0)
		return "uid 0 and gid 0 are refused";
	if (service->root && identity->uid < service->config->auth.min_uid)
		return "uid is below auth.min_uid";
	if (service->root && is_low_gid(service, identity->gid))
		return "gid is below auth.min_gid";
	if (!service->root && identity->uid != service->mail_uid)
		return "uid is not that of pop3d, which was not started by root";
	if (identity->home[0] != '\0' && identity->home[0] != '/')
		return "home is not an absolute path";
	return NULL;
}
