/*
 * The commands of `pop3ctl passwd` that only read.
 */
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sysexits.h>

#include "auth/auth_module.h"
#include "auth/credential.h"
#include "pop3d/ctl/passwd.h"
#include "pop3d/ctl/passwd_options.h"
#include "pop3d/ctl/prompt.h"
#include "pop3d/ctl/userlist.h"

/* The module itself, linked in: a password is checked here as it is in a login. */
extern const struct auth_module pop3d_auth_module;
extern const struct auth_part pop3d_auth_part;

static const char *
host_config(void *cookie, const char *key)
{
	const struct passwd_options *options = cookie;

	return strcmp(key, "file") == 0 ? options->file : NULL;
}

static bool
host_random(void *cookie, void *p, size_t n)
{
	(void)cookie;
	return getrandom(p, n, 0) == (ssize_t)n;
}

/* Here the answer must come from the file itself, never from a cache. */
static bool
host_known(void *cookie, const struct auth_request *request, struct auth_span stored)
{
	(void)cookie;
	(void)request;
	(void)stored;
	return false;
}

static void
host_remember(void *cookie, const struct auth_request *request, struct auth_span stored)
{
	(void)cookie;
	(void)request;
	(void)stored;
}

/* An administrator need not queue. */
static bool
host_wait_turn(void *cookie)
{
	(void)cookie;
	return true;
}

static int
answer_show(enum auth_result result, const struct auth_out *out)
{
	if (result == AUTH_OK)
		return 0;
	ctl_error("%s", out->reason);
	return result == AUTH_DENY || result == AUTH_UNKNOWN ? CTL_NO : EX_TEMPFAIL;
}

static int
module_ask(struct passwd_options *options, const struct prompt_password *password)
{
	unsigned char secret[AUTH_PASSWORD_MAX + 1];
	const struct auth_host host = {.abi = POP3D_AUTH_ABI,
		.size = sizeof(host),
		.cookie = options,
		.log = ctl_module_log,
		.config = host_config,
		.random = host_random,
		.wipe = explicit_bzero,
		.known = host_known,
		.remember = host_remember,
		.wait_turn = host_wait_turn,
		.part = pop3d_auth_part.functions};
	const struct auth_request request = {.size = sizeof(request),
		.proof = AUTH_PROOF_PASSWORD,
		.user = options->user,
		.secret = {secret, password->n},
		.mechanism = "pop3ctl",
		.remote = "",
		.local = ""};
	struct auth_out out = {0};
	enum auth_result result;
	void *module;

	if (!pop3d_auth_module.open(&module, &host))
		return EX_CONFIG;
	memcpy(secret, password->p, password->n);
	secret[password->n] = '\0';
	result = pop3d_auth_module.verify(module, &request, &out);
	explicit_bzero(secret, sizeof(secret));
	pop3d_auth_module.close(module);
	return answer_show(result, &out);
}

int
passwd_verify(const struct ctl_context *context, int argc, char **argv)
{
	struct prompt_password password;
	struct passwd_options options;
	const char *fault;
	int status;

	status = passwd_options_read(context, "passwd", argc, argv, "f:", 0, &options);
	if (status == 0) {
		fault = prompt_password("Password: ", false, &password);
		if (fault != NULL) {
			ctl_error("%s", fault);
			status = EX_USAGE;
		} else {
			status = module_ask(&options, &password);
			explicit_bzero(&password, sizeof(password));
		}
	}
	passwd_options_free(&options);
	return status;
}

/* The word in braces; never anything of the hash. */
static void
scheme_print(struct auth_span password)
{
	const unsigned char *end;

	if (password.n == 0) {
		(void)printf("none\t");
	} else if (password.p[0] == '{' &&
		   (end = memchr(password.p, '}', password.n)) != NULL) {
		(void)printf("%.*s\t", (int)(end - password.p) - 1,
			(const char *)password.p + 1);
	} else if (password.n > 10 && memcmp(password.p, "$argon2id$", 10) == 0) {
		(void)printf("ARGON2ID\t");
	} else {
		(void)printf("unknown\t");
	}
}

int
passwd_list(const struct ctl_context *context, int argc, char **argv)
{
	struct passwd_options options;
	int status;

	status = passwd_options_read(context, "passwd", argc, argv, "f:", 1, &options);
	if (status == 0)
		status = userlist_show(&options, scheme_print);
	passwd_options_free(&options);
	return status;
}
