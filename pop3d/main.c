/*
 * pop3d: finds out how it was started, loads the configuration, serves.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "pop3d/certificate.h"
#include "pop3d/listener.h"
#include "pop3d/log.h"
#include "pop3d/monitor.h"
#include "pop3d/number.h"
#include "pop3d/options.h"
#include "pop3d/sandbox.h"
#include "pop3d/service.h"
#include "pop3d/startup.h"

#define IDLE_MINIMUM 600 /* RFC 1939 section 3 */

static const char usage[] =
	"usage: pop3d [-c FILE] [-o SECTION.KEY=VALUE]... [-l ADDRESS:PORT]... [-t] "
	"[-V]\n"
	"  -c FILE   configuration file, default " POP3D_CONFIG "\n"
	"  -o ...    set one key, over what the file says\n"
	"  -l ...    listen on a numeric address; without it pop3d serves the connection "
	"or\n"
	"            the listening sockets it was started with\n"
	"  -t        print the effective configuration and every problem with it\n"
	"  -V        print the version\n";

/* A parent may leave signals ignored or blocked, SIGCHLD above all. */
static void
reset_signals(const struct options *options)
{
	sigset_t none;

	/* Nobody has a use for the others, which are as many again. */
	for (int i = 1; i < SIGRTMIN; i++)
		(void)signal(i, i == SIGPIPE ? SIG_IGN : SIG_DFL);
	/* A listener that was executed anew lets them in when it can handle them. */
	if (options->table >= 0)
		return;
	(void)sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
}

static void
report_to_stderr(void *cookie, const char *text)
{
	(void)cookie;
	(void)fprintf(stderr, "pop3d: %s\n", text);
}

static void
report_to_log(void *cookie, const char *text)
{
	(void)cookie;
	log_message(LOG_ERR, "%s", text);
}

/* Where problems go before there is a configuration to say so. */
static struct config_report
early_report(const struct startup *startup)
{
	if (startup->may_use_stderr)
		return (struct config_report){report_to_stderr, NULL};
	(void)log_open("syslog", LOG_INFO, false);
	return (struct config_report){report_to_log, NULL};
}

static int
refuse(const struct startup *startup)
{
	static const char text[] =
		"-ERR [SYS/PERM] Server is not configured properly\r\n";

	/* Nothing can be done for a client that has gone. */
	if (startup->mode == STARTUP_CONNECTION &&
		write(startup->out, text, sizeof(text) - 1) < 0)
		return EX_IOERR;
	return EX_CONFIG;
}

/* Open what an auth process would open; what is wrong goes to the log, here stderr. */
static bool
try_modules(const struct service *service)
{
	return service->chain == NULL || auth_chain_open(service->chain);
}

static bool
try_log(const struct config *config, const struct config_report *report)
{
	const char *wrong = log_open(config->server.log, config->server.log_level, false);

	(void)log_open("stderr", LOG_WARNING, true);
	if (wrong != NULL)
		report->problem(report->cookie, wrong);
	return wrong == NULL;
}

/* A comment, so that what is printed can still be read as a configuration. */
static void
print_kernel(void)
{
	(void)printf("\n# This kernel has: seccomp filters %s, Landlock level %d.\n",
		sandbox_has_filters() ? "yes" : "no", sandbox_landlock_level());
}

static void
warn_of_lack(const struct service *service)
{
	if (service->lacks != NULL)
		log_message(LOG_WARNING,
			"server.sandbox: this kernel lacks %s: roles are confined "
			"without",
			service->lacks);
}

static int
test_config(const struct options *options)
{
	const struct config_report report = {report_to_stderr, NULL};
	struct service service;
	bool good;
	struct config *config = options_load_config(options, &report, &good);

	if (config == NULL)
		return EX_OSERR;
	(void)log_open("stderr", LOG_WARNING, true);
	good = service_load(&service, config, true, &report) && good;
	good = try_modules(&service) && good;
	good = try_log(config, &report) && good;
	if (config->limits.idle_seconds < IDLE_MINIMUM)
		report_to_stderr(NULL, "warning: limits.idle_seconds is below the 600 "
				       "that RFC 1939 asks for");
	if (good)
		warn_of_lack(&service);
	config_print(config, stdout);
	print_kernel();
	service_free(&service);
	config_free(config);
	if (fflush(stdout) != 0)
		return EX_IOERR;
	return good ? EX_OK : EX_CONFIG;
}

static int
print_and_leave(const struct options *options)
{
	if (options->help)
		(void)fputs(usage, stdout);
	else
		(void)printf("pop3d %s\n", POP3D_VERSION);
	return fflush(stdout) == 0 ? EX_OK : EX_IOERR;
}

/* False if some address cannot be listened on: startup->error says which. */
static bool
open_addresses(struct startup *startup, const struct options *options)
{
	sigset_t hangup;

	/* Who sees it listen may send this before the listener can handle it. */
	(void)sigemptyset(&hangup);
	(void)sigaddset(&hangup, SIGHUP);
	if (options->n_addresses > 0)
		(void)sigprocmask(SIG_BLOCK, &hangup, NULL);
	/* After a re-execution they are among the sockets passed. */
	for (size_t i = 0; options->table < 0 && i < options->n_addresses; i++)
		if (!startup_listen(startup, options->addresses[i]))
			return false;
	return startup->error[0] == '\0';
}

/* stunnel's "exec": who the client is stands in the environment.  False: it does not. */
static bool
header_of_stunnel(const struct startup *startup, struct proxy_header *header)
{
	const struct startup_stunnel *stunnel = &startup->stunnel;
	uint64_t port = 0;

	memset(header, 0, sizeof(*header));
	header->addressed = true;
	header->tls = true;
	header->verified = stunnel->subject[0] != '\0';
	certificate_name_of_subject(stunnel->subject, header->common_name);
	memcpy(header->subject, stunnel->subject, sizeof(header->subject));
	address_of_self(startup->in, &header->self);
	return (stunnel->port[0] == '\0' ||
		       (number_parse(stunnel->port, strlen(stunnel->port), &port) &&
			       port <= UINT16_MAX)) &&
	       address_of_text(&header->peer, stunnel->address, (uint16_t)port);
}

static int
serve_connection(const struct startup *startup, struct service *service)
{
	struct monitor_client client = {.in = startup->in, .out = startup->out};
	struct proxy_header header;

	if (!endpoint_of(startup->name, service->config, &client.endpoint)) {
		log_message(
			LOG_ERR, "the socket's name means nothing: %s", startup->name);
		return refuse(startup);
	}
	if (service->config->server.environment == ENVIRONMENT_STUNNEL) {
		client.header = &header;
		if (!header_of_stunnel(startup, &header)) {
			log_message(LOG_ERR,
				"server.environment: there is no address of a "
				"client in REMOTE_HOST and REMOTE_PORT");
			return refuse(startup);
		}
	}
	return monitor_run(service, &client);
}

static int
serve(struct startup *startup, const struct options *options)
{
	static struct service service;
	struct config_report report = early_report(startup);
	bool good;
	struct config *config = options_load_config(options, &report, &good);
	const char *wrong;

	if (config == NULL)
		return refuse(startup);
	if (!open_addresses(startup, options)) {
		report.problem(report.cookie, startup->error);
		good = false;
	}
	good = service_load(
		       &service, config, startup->mode == STARTUP_LISTENER, &report) &&
	       good;
	if (!good)
		return refuse(startup);
	wrong = log_open(
		config->server.log, config->server.log_level, startup->may_use_stderr);
	if (wrong != NULL)
		log_message(LOG_WARNING, "%s", wrong);
	warn_of_lack(&service);
	if (startup->mode == STARTUP_LISTENER)
		return listener_run(startup, options, &service);
	return serve_connection(startup, &service);
}

int
main(int argc, char **argv)
{
	static struct options options;
	static struct startup startup;
	bool serving;

	options_parse(&options, argc, argv);
	reset_signals(&options);
	serving = !options.help && !options.version && !options.test &&
		  options.n_addresses == 0;
	startup_detect(&startup, serving, options.table);
	if (options.error[0] != '\0') {
		struct config_report report = early_report(&startup);
		report.problem(report.cookie, options.error);
		if (startup.may_use_stderr)
			(void)fputs(usage, stderr);
		return startup.mode == STARTUP_CONNECTION && serving ? refuse(&startup)
								     : EX_USAGE;
	}
	if (options.help || options.version)
		return print_and_leave(&options);
	if (options.test)
		return test_config(&options);
	/* No library has anything to tidy up, and each connection would pay for it. */
	_exit(serve(&startup, &options));
}
