#include "pop3d/service.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "pop3d/account.h"
#include "pop3d/certificate.h"
#include "pop3d/clock.h"
#include "pop3d/coverage.h"
#include "pop3d/log.h"
#include "pop3d/privileges.h"
#include "pop3d/tls_program.h"

#define PARSER_MEGABYTES 64

static void problem(const struct config_report *report, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

static void
problem(const struct config_report *report, const char *format, ...)
{
	char text[512];
	va_list arguments;

	va_start(arguments, format);
	(void)vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	report->problem(report->cookie, text);
}

static bool
resolve_front(struct service *service, const struct config_report *report)
{
	const struct config_server *server = &service->config->server;
	const char *wrong;

	if (!service->root)
		return true;
	if (!account_user(server->user, &service->front_uid, &service->front_gid)) {
		problem(report, "server.user: there is no user \"%s\"", server->user);
		return false;
	}
	if (service->front_uid == 0 || service->front_gid == 0) {
		problem(report, "server.user: must not be root nor in its group");
		return false;
	}
	wrong = privileges_check_empty(server->chroot);
	if (wrong == NULL)
		return true;
	problem(report, "server.chroot: %s %s", server->chroot, wrong);
	return false;
}

static bool
resolve_mail(struct service *service, const struct config_report *report)
{
	const struct config_mail *mail = &service->config->mail;
	bool good = true;

	service->mail_uid = (uid_t)-1;
	service->mail_gid = (gid_t)-1;
	service->extra_group = (gid_t)-1;
	if (!service->root) {
		service->mail_uid = getuid();
		service->mail_gid = getgid();
		return true;
	}
	if (mail->uid[0] != '\0' &&
		!account_user(mail->uid, &service->mail_uid, &service->mail_gid)) {
		problem(report, "mail.uid: there is no user \"%s\"", mail->uid);
		good = false;
	}
	if (mail->gid[0] != '\0' && !account_group(mail->gid, &service->mail_gid)) {
		problem(report, "mail.gid: there is no group \"%s\"", mail->gid);
		good = false;
	}
	if (mail->extra_group[0] != '\0' &&
		!account_group(mail->extra_group, &service->extra_group)) {
		problem(report, "mail.extra_group: there is no group \"%s\"",
			mail->extra_group);
		good = false;
	}
	if (service->mail_uid == 0 || service->mail_gid == 0 ||
		service->extra_group == 0) {
		problem(report, "mail: uid 0 and gid 0 are refused");
		good = false;
	}
	return good;
}

/* The words were checked when the key was set. */
static void
resolve_locks(struct service *service)
{
	const char *words = service->config->mail.mbox_locks;
	bool fcntl_first = strncmp(words, "fcntl", 5) == 0;

	service->mbox_locks[0] = fcntl_first ? MAIL_LOCK_FCNTL : MAIL_LOCK_DOTLOCK;
	service->mbox_locks[1] = MAIL_LOCK_NONE;
	if (strchr(words, ' ') != NULL)
		service->mbox_locks[1] =
			fcntl_first ? MAIL_LOCK_DOTLOCK : MAIL_LOCK_FCNTL;
}

static void
chain_log(void *cookie, int priority, const char *text)
{
	(void)cookie;
	log_message(priority, "%s", text);
}

static const char *
chain_config(void *cookie, const char *module, const char *key)
{
	const struct service *service = cookie;

	return config_module_value(service->config, module, key);
}

static bool
chain_known(void *cookie, const char *module, const struct auth_request *request,
	struct auth_span stored)
{
	const struct service *service = cookie;

	return auth_cache_known(&service->cache, module, request, stored);
}

static void
chain_remember(void *cookie, const char *module, const struct auth_request *request,
	struct auth_span stored)
{
	const struct service *service = cookie;

	auth_cache_remember(&service->cache, module, request, stored);
}

/* A quarter of the time that the modules may take is left for what the turn is for. */
static bool
chain_wait_turn(void *cookie, const char *module)
{
	struct service *service = cookie;
	int64_t wait = (int64_t)service->config->auth.timeout * 750;

	if (turns_wait(&service->turns, module, clock_now() + wait))
		return true;
	log_message(LOG_WARNING,
		"limits.verifications: module %s had no turn within %" PRId64 " ms",
		module, wait);
	return false;
}

static void
chain_end_turn(void *cookie)
{
	struct service *service = cookie;

	turns_end(&service->turns);
}

static bool
check_module_keys(const struct service *service, const struct config_report *report)
{
	char name[64];
	const char *p = service->config->auth.modules;
	bool good = true;

	while (*p != '\0') {
		size_t n = strcspn(p, " ");
		if (n > 0 && n < sizeof(name)) {
			(void)snprintf(name, sizeof(name), "%.*s", (int)n, p);
			good = config_module_check(service->config, name,
				       auth_chain_keys(service->chain, name), report) &&
			       good;
		}
		p += n + strspn(p + n, " ");
	}
	return good;
}

bool
service_load_chain(struct service *service, const struct config_report *report)
{
	const struct config_auth *auth = &service->config->auth;
	const struct auth_chain_options options = {
		.directory = auth->module_directory,
		.modules = auth->modules,
		.cookie = service,
		.log = chain_log,
		.config = chain_config,
		.known = chain_known,
		.remember = chain_remember,
		.wait_turn = chain_wait_turn,
		.end_turn = chain_end_turn,
		.sparing = service->parts == PARTS_NONE,
		.warned = service->parts == PARTS_AGAIN,
		.trace = service->trace,
	};
	char error[512];
	const char *needs_root;
	bool good;

	service->chain = auth_chain_load(&options, error, sizeof(error));
	if (service->chain == NULL) {
		problem(report, "auth.modules: %s", error);
		return false;
	}
	needs_root = service->root ? NULL : auth_chain_root_module(service->chain);
	if (needs_root != NULL) {
		problem(report, "auth.modules: %s needs pop3d to be started by root",
			needs_root);
		return false;
	}
	good = check_module_keys(service, report);
	return coverage_check(service, report) && good;
}

/* Fences that are missing are passed over, unless the administrator says otherwise. */
static bool
resolve_sandbox(struct service *service, const struct config_report *report)
{
	service->lacks = sandbox_lacks();
	if (service->lacks == NULL || service->config->server.sandbox != SANDBOX_REQUIRED)
		return true;
	problem(report, "server.sandbox: required, but this kernel lacks %s",
		service->lacks);
	return false;
}

/* Who asks for TLS from the first octet cannot be served without. */
static bool
resolve_tls(struct service *service, const struct config_report *report)
{
	const struct config_tls *tls = &service->config->tls;

	service->tls = tls_program_is_wanted(service->config);
	if (tls->client_user == CERTIFICATE_MAP && tls->client_map[0] == '\0') {
		problem(report,
			"tls.client_map: there is none, and tls.client_user is map");
		return false;
	}
	if (service->tls || tls->mode != TLS_IMPLICIT)
		return true;
	problem(report, "tls.certificate: there is none, and tls.mode is implicit");
	return false;
}

bool
service_load_mail(struct service *service, struct config *config,
	const struct config_report *report)
{
	memset(service, 0, sizeof(*service));
	service->config = config;
	service->cache.fd = -1;
	service->turns.fd = -1;
	service->relays = -1;
	service->gate = -1;
	service->root = privileges_are_root();
	resolve_locks(service);
	return resolve_mail(service, report);
}

bool
service_load(struct service *service, struct config *config, bool preload,
	const struct config_report *report)
{
	bool good = service_load_mail(service, config, report);

	good = resolve_front(service, report) && good;
	good = resolve_sandbox(service, report) && good;
	good = resolve_tls(service, report) && good;
	if (preload) {
		good = service_load_chain(service, report) && good;
		good = tls_program_check(service, report) && good;
	}
	return good;
}

struct confinement
service_confinement(const struct service *service, pid_t parent, unsigned descriptors)
{
	return (struct confinement){.root = service->root,
		.root_directory = service->config->server.chroot,
		.uid = service->front_uid,
		.gid = service->front_gid,
		.descriptors = descriptors,
		.megabytes = PARSER_MEGABYTES,
		.parent = parent,
		.role = SANDBOX_FRONT};
}

void
service_let_go(struct service *service)
{
	if (service->relays >= 0)
		(void)close(service->relays);
	if (service->gate >= 0)
		(void)close(service->gate);
	service->relays = service->gate = -1;
}

void
service_free(struct service *service)
{
	auth_chain_free(service->chain);
	service->chain = NULL;
}
