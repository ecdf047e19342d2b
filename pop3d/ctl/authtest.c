#include "pop3d/ctl/authtest.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>

#include "mailstore/location.h"
#include "pop3d/ctl/authclient.h"
#include "pop3d/ctl/authtrial.h"
#include "pop3d/ctl/prompt.h"
#include "pop3d/ctl/settings.h"
#include "pop3d/identity.h"
#include "pop3d/log.h"
#include "pop3d/mail_policy.h"

struct arguments {
	const char *user;
	const char *remote;
	const struct auth_mechanism *mechanism;
};

/* The session's own words. */
#define WELCOME "+OK Logged in"
#define NO_MAIL "-ERR [SYS/PERM] Maildrop cannot be used, see the server's log"

static int
mechanism_take(const char *text, const struct auth_mechanism **mechanism)
{
	char name[32];
	size_t n = 0;

	while (n < sizeof(name) - 1 && text[n] != '\0') {
		name[n] = (char)toupper((unsigned char)text[n]);
		n++;
	}
	name[n] = '\0';
	*mechanism = auth_mechanism_find(name);
	if (*mechanism == NULL)
		ctl_error("there is no mechanism \"%s\"", text);
	else if (!authclient_knows(name))
		ctl_error("%s is not supported here: it needs more than a password or a "
			  "token",
			name);
	else
		return 0;
	return EX_USAGE;
}

static bool
address_check(const char *text)
{
	unsigned char address[sizeof(struct in6_addr)];

	if (inet_pton(AF_INET, text, address) == 1 ||
		inet_pton(AF_INET6, text, address) == 1)
		return true;
	ctl_error("\"%s\" is no numeric address", text);
	return false;
}

/* Returns 0 or an exit status. */
static int
arguments_read(int argc, char **argv, struct arguments *arguments)
{
	static const struct option words[] = {
		{"mechanism", required_argument, NULL, 'm'},
		{"remote", required_argument, NULL, 'r'},
		{NULL, 0, NULL, 0},
	};
	const char *mechanism = "USER";
	int option;

	arguments->remote = "127.0.0.1";
	while ((option = getopt_long(argc, argv, "", words, NULL)) != -1) {
		if (option == 'm')
			mechanism = optarg;
		else if (option == 'r')
			arguments->remote = optarg;
		else
			return CTL_USAGE;
	}
	if (argc - optind != 1)
		return CTL_USAGE;
	arguments->user = argv[optind];
	if (!credential_is_user(arguments->user, strlen(arguments->user))) {
		ctl_error("a user name has 1 to %u octets and no control bytes",
			AUTH_USER_MAX);
		return EX_USAGE;
	}
	if (!address_check(arguments->remote))
		return EX_USAGE;
	return mechanism_take(mechanism, &arguments->mechanism);
}

/* As the list of the configuration says, whatever a connection would add to that. */
static bool
is_offered(const char *words, const char *name)
{
	size_t length = strlen(name);

	for (const char *p = words; *p != '\0'; p += strspn(p, " ")) {
		size_t n = strcspn(p, " ");
		if (n == length && strncmp(p, name, n) == 0)
			return true;
		p += n;
	}
	return false;
}

/* As CAPA would announce it to the user. */
static void
policy_print(const struct service *service, const struct auth_identity *identity)
{
	struct mail_policy policy;

	mail_policy_of_user(&policy, service->config, identity);
	(void)printf("login delay: %" PRIu64 "\n", policy.login_delay);
	if (policy.expire == CONFIG_NEVER)
		(void)puts("expire: never");
	else
		(void)printf("expire: %" PRIu64 "\n", policy.expire);
}

/* False, with the reason on a line, if no session could be opened. */
static bool
identity_print(const struct service *service, const struct auth_identity *identity)
{
	const char *template = identity->mail, *error;
	static struct mail_location location;

	(void)printf("user: %s\nuid: %lu\ngid: %lu\nhome: %s\n", identity->user,
		(unsigned long)identity->uid, (unsigned long)identity->gid,
		identity->home[0] != '\0' ? identity->home : "-");
	if (template[0] == '\0')
		template = service->config->mail.location;
	if (!mail_location_expand(
		    &location, template, identity->user, identity->home, &error)) {
		(void)printf("mail: %s: %s\n", template, error);
		return false;
	}
	(void)printf(
		"mail: %.*s:%s\n", (int)strcspn(template, ":"), template, location.path);
	policy_print(service, identity);
	return true;
}

static int
refusal_print(uint32_t result)
{
	static const char *const words[] = {[RESULT_TEMPFAIL] = "temporary failure",
		[RESULT_DENIED] = "denied",
		[RESULT_REFUSED] = "account cannot be used"};
	static const int statuses[] = {[RESULT_TEMPFAIL] = EX_TEMPFAIL,
		[RESULT_DENIED] = CTL_NO,
		[RESULT_REFUSED] = EX_CONFIG};
	const char *code, *text = verdict_reply(result, &code);

	(void)printf(
		"result: %s\nclient is told: -ERR [%s] %s\n", words[result], code, text);
	return statuses[result];
}

/* As the monitor and the session would judge it. */
static int
verdict_print(const struct service *service, struct verdict *verdict)
{
	struct auth_identity *identity = &verdict->out.identity;
	const char *wrong;

	if (verdict->result != RESULT_OK) {
		if (verdict->out.reason[0] != '\0')
			(void)printf("reason: %s\n", verdict->out.reason);
		return refusal_print(verdict->result);
	}
	wrong = identity_complete(service, identity);
	if (wrong != NULL) {
		(void)printf("reason: %s\n", wrong);
		return refusal_print(RESULT_REFUSED);
	}
	if (!identity_print(service, identity)) {
		(void)puts("result: the mail cannot be opened\nclient is told: " NO_MAIL);
		return EX_CONFIG;
	}
	(void)puts("result: ok\nclient is told: " WELCOME);
	return 0;
}

static int
service_test(struct service *service, const struct arguments *arguments)
{
	static struct prompt_token secret;
	struct authtrial trial = {.service = service,
		.mechanism = arguments->mechanism,
		.user = arguments->user,
		.remote = arguments->remote};
	bool token = arguments->mechanism->proof == AUTH_PROOF_TOKEN;
	struct verdict verdict;
	const char *fault;
	int status;

	fault = prompt_token(token ? "Token: " : "Password: ", &secret);
	if (fault != NULL) {
		ctl_error("%s", fault);
		return EX_USAGE;
	}
	trial.secret = (struct auth_span){secret.p, secret.n};
	(void)printf("mechanism: %s%s\n", arguments->mechanism->name,
		is_offered(service->config->auth.mechanisms, arguments->mechanism->name)
			? ""
			: ", which auth.mechanisms does not offer");
	status = authtrial_run(&trial, &verdict);
	explicit_bzero(&secret, sizeof(secret));
	if (status == 0)
		return verdict_print(service, &verdict);
	(void)refusal_print(RESULT_TEMPFAIL);
	return status;
}

int
authtest_run(const struct ctl_context *context, int argc, char **argv)
{
	struct arguments arguments;
	struct service service;
	struct config *config;
	int status = arguments_read(argc, argv, &arguments);

	if (status != 0)
		return status;
	config = settings_load(context);
	if (config == NULL)
		return EX_CONFIG;
	(void)log_open("stderr", config->server.log_level, true);
	status = EX_CONFIG;
	if (service_load(&service, config, false, &settings_report)) {
		if (!service.root)
			ctl_error("not root: this is what a pop3d of this user would do");
		status = service_test(&service, &arguments);
		service_free(&service);
	}
	config_free(config);
	return status;
}
