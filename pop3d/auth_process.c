#include "pop3d/auth_process.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "pop3d/descriptors.h"
#include "pop3d/log.h"
#include "pop3d/privileges.h"
#include "pop3d/sandbox.h"

static void
report_to_log(void *cookie, const char *text)
{
	(void)cookie;
	log_message(LOG_ERR, "%s", text);
}

/*
 * What a module starts, and what it signals, must not be mixed up with what its host
 * did; and what it prints must not reach the client.
 */
static bool
stand_apart(pid_t parent)
{
	if (setsid() < 0) {
		log_message(LOG_ERR, "auth: no session of its own: %s", strerror(errno));
		return false;
	}
	if (descriptors_silence(STDIN_FILENO) && descriptors_silence(STDOUT_FILENO) &&
		sandbox_common() && sandbox_die_with(parent))
		return true;
	log_message(LOG_ERR, "auth: cannot be fenced in: %s", strerror(errno));
	return false;
}

/* Modules are code of others: after open() they get no more than they said they need. */
static const char *
give_up_root(const struct service *service)
{
	const char *wrong;

	if (!service->root || auth_chain_root_module(service->chain) != NULL)
		return NULL;
	wrong = privileges_enter_empty(service->config->server.chroot);
	if (wrong == NULL)
		wrong = privileges_become(
			service->front_uid, service->front_gid, (gid_t)-1);
	if (wrong == NULL && !sandbox_no_new_privileges())
		wrong = "no_new_privs failed";
	return wrong;
}

/* As root, which may be the only one who can read it. */
static bool
read_seed(const struct service *service, uint32_t proof, unsigned char seed[SEED_OCTETS])
{
	const char *wrong;
	bool usable;

	if (proof != AUTH_PROOF_SCRAM_SHA_256)
		return true;
	wrong = seed_read(service->config->server.run_directory, seed, &usable);
	if (wrong != NULL)
		log_message(usable ? LOG_WARNING : LOG_ERR,
			"auth: salts of unknown users change: %s", wrong);
	return usable;
}

static bool
open_all(struct service *service)
{
	const struct config_report report = {report_to_log, NULL};
	/* Who loaded the modules before has warned, once for all. */
	bool warned =
		service->chain != NULL || !service->root || service->parts == PARTS_AGAIN;
	const char *wrong;

	if (service->chain == NULL && !service_load_chain(service, &report))
		return false;
	wrong = auth_cache_open(&service->cache, service->config->server.run_directory,
		service->config->auth.cache_ttl);
	if (wrong != NULL)
		log_message(warned ? LOG_DEBUG : LOG_WARNING,
			"auth.cache_ttl: no cache: %s", wrong);
	warned = warned || wrong != NULL;
	/* Behind the modules: what they start must not hold on to a turn. */
	if (!auth_chain_open(service->chain))
		return false;
	wrong = turns_open(&service->turns, service->config->server.run_directory,
		service->config->limits.verifications);
	if (wrong != NULL)
		log_message(warned ? LOG_DEBUG : LOG_WARNING,
			"limits.verifications: no limit: %s", wrong);
	return true;
}

bool
auth_process_prepare(struct service *service, uint32_t proof, pid_t parent,
	unsigned char seed[SEED_OCTETS])
{
	const char *wrong;

	if (!stand_apart(parent) || !read_seed(service, proof, seed) ||
		!open_all(service))
		return false;
	wrong = give_up_root(service);
	/* Once more: the kernel forgets both when the uid changes. */
	if (wrong == NULL && !(sandbox_common() && sandbox_die_with(parent)))
		wrong = "it cannot be fenced in, or the parent is gone";
	if (wrong != NULL)
		log_message(LOG_ERR, "auth: %s", wrong);
	return wrong == NULL;
}

enum ipc_result
auth_process_result(enum auth_result result)
{
	switch (result) {
	case AUTH_OK:
		return RESULT_OK;
	case AUTH_DENY:
	case AUTH_UNKNOWN:
		return RESULT_DENIED;
	case AUTH_TEMPFAIL:
	case AUTH_MORE:
		break;
	}
	return RESULT_TEMPFAIL;
}
