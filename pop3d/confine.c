#include "pop3d/confine.h"

#include "pop3d/privileges.h"
#include "pop3d/sandbox.h"

const char *
confine(const struct confinement *confinement)
{
	const struct confinement *c = confinement;
	const char *wrong = NULL;

	if (c->root)
		wrong = privileges_enter_empty(c->root_directory);
	if (wrong == NULL && c->root)
		wrong = privileges_become(c->uid, c->gid, (gid_t)-1);
	if (wrong == NULL && !(sandbox_common() && sandbox_no_new_privileges() &&
				     (c->parent == 0 || sandbox_die_with(c->parent)) &&
				     sandbox_confine(c->descriptors, c->megabytes)))
		wrong = "cannot be confined";
	return wrong;
}
