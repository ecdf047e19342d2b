/*
 * When the listener executes itself anew: asked to, for a changed configuration, after a
 * crash of a connection.
 */
#include <errno.h>
#include <string.h>

#include "pop3d/listener_state.h"
#include "pop3d/log.h"
#include "pop3d/reexec.h"

void
listener_look_at_config(const struct options *options, struct stat *seen)
{
	if (stat(options_config_path(options), seen) != 0)
		memset(seen, 0, sizeof(*seen));
}

static bool
is_same_file(const struct stat *a, const struct stat *b)
{
	return a->st_ino == b->st_ino && a->st_dev == b->st_dev &&
	       a->st_size == b->st_size && a->st_mtim.tv_sec == b->st_mtim.tv_sec &&
	       a->st_mtim.tv_nsec == b->st_mtim.tv_nsec;
}

static void
report_to_log(void *cookie, const char *text)
{
	(void)cookie;
	log_message(LOG_ERR, "%s", text);
}

/* True if the configuration as it is now would do; a broken one leaves the old in force.
 */
static bool
config_is_good(const struct listener *l)
{
	const struct config_report report = {report_to_log, NULL};
	struct service service;
	bool good;
	struct config *config = options_load_config(l->options, &report, &good);

	if (config == NULL)
		return false;
	if (good) {
		good = service_load(&service, config, true, &report);
		service_free(&service);
	}
	if (!good)
		log_message(LOG_ERR,
			"the configuration is broken: the old one stays in force");
	config_free(config);
	return good;
}

static void
renew(const struct listener *l, const char *why)
{
	const int gate[2] = {l->gate, l->service->gate};

	log_message(LOG_INFO, "executing anew: %s", why);
	reexec_run(l->startup, l->options, &l->children, gate);
	log_message(LOG_ERR, "executing anew failed: %s", strerror(errno));
}

void
listener_renew(struct listener *l)
{
	struct stat now;

	listener_look_at_config(l->options, &now);
	if (l->reload || !is_same_file(&now, &l->config_seen)) {
		bool asked = l->reload;
		l->reload = false;
		l->config_seen = now;
		l->stuck = false;
		if (config_is_good(l))
			renew(l, asked ? "asked by a signal"
				       : "the configuration has changed");
	} else if (l->crashed && !l->stuck) {
		/* Better an old layout than no service. */
		l->stuck = true;
		if (config_is_good(l))
			renew(l, "a connection crashed");
	}
}
