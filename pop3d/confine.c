#include "pop3d/confine.h"

#include "pop3d/privileges.h"
#include "pop3d/sandbox.h"

/* Nothing can be opened, not even what a hole in the empty root directory would show. */
static bool
bar_files(void)
{
	struct sandbox_files files;

	(void)sandbox_files_begin(&files);
	return sandbox_files_end(&files) != SANDBOX_FAILED;
}

const char *
confine(const struct confinement *confinement)
{
	const struct confinement *c = confinement;
	const char *wrong = NULL;

	if (c->root)
		wrong = privileges_enter_empty(c->root_directory);
	if (wrong == NULL && c->root)
		wrong = privileges_become(c->uid, c->gid, (gid_t)-1);
	if (wrong == NULL &&
		!(sandbox_common() && sandbox_no_new_privileges() &&
			(c->parent == 0 || sandbox_die_with(c->parent)) && bar_files() &&
			sandbox_limit(c->descriptors, c->megabytes) &&
			sandbox_limit_processes() &&
			sandbox_filter(c->role) != SANDBOX_FAILED))
		wrong = "cannot be confined";
	return wrong;
}
