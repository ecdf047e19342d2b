#include <unistd.h>

#include "pop3d/log.h"
#include "pop3d/privileges.h"
#include "pop3d/sandbox.h"
#include "pop3d/session_state.h"

/* A maildrop takes a dozen, and those who read ahead in it one each. */
#define DESCRIPTORS 64

_Static_assert((unsigned)SANDBOX_LIST == (unsigned)MAIL_ACCESS_LIST &&
		       (unsigned)SANDBOX_READ == (unsigned)MAIL_ACCESS_READ &&
		       (unsigned)SANDBOX_WRITE == (unsigned)MAIL_ACCESS_WRITE &&
		       (unsigned)SANDBOX_MAKE == (unsigned)MAIL_ACCESS_MAKE &&
		       (unsigned)SANDBOX_MOVE == (unsigned)MAIL_ACCESS_MOVE,
	"what a store says is passed on as it is");

bool
session_become(const struct session *session, uid_t uid, gid_t gid)
{
	const char *wrong =
		privileges_become(uid, gid, session->connection->service->extra_group);

	if (wrong == NULL && (!sandbox_no_new_privileges() || !sandbox_common()))
		wrong = "cannot be confined";
	if (wrong == NULL && chdir("/") != 0)
		wrong = "cannot leave the current directory";
	if (wrong != NULL)
		log_message(LOG_ERR, "user %s: becoming uid %lu: %s", session->user,
			(unsigned long)uid, wrong);
	return wrong == NULL;
}

static void
allow(void *cookie, const char *path, unsigned access)
{
	sandbox_files_allow(cookie, path, access);
}

static bool
bar_files(const struct session *session, const char *path,
	const struct mail_options *options)
{
	struct sandbox_files files;

	(void)sandbox_files_begin(&files);
	return session->ops->needs(path, options, allow, &files) &&
	       sandbox_files_end(&files) != SANDBOX_FAILED;
}

/*
 * The limit of processes counts all that the user has, and threads: it could take those
 * from the store, or bar nothing.  So it is only for a kernel where no filter does
 * better.
 */
static bool
bar_calls(void)
{
	return (sandbox_has_filters() || sandbox_limit_processes()) &&
	       sandbox_filter(SANDBOX_SESSION) != SANDBOX_FAILED;
}

bool
session_confine(const struct session *session, const char *path,
	const struct mail_options *options)
{
	const struct config_limits *limits =
		&session->connection->service->config->limits;

	if (bar_files(session, path, options) &&
		sandbox_limit(DESCRIPTORS, limits->session_megabytes) && bar_calls())
		return true;
	log_message(LOG_ERR, "user %s: cannot be confined to %s", session->user, path);
	return false;
}
