/*
 * Test module: does what its key `deed` says when it is asked for the user "mallory",
 * and knows nobody else.
 */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <syslog.h>
#include <unistd.h>

#include "auth/auth_module.h"

#define FAR (16u << 20)

static const char *const keys[] = {"deed", NULL};
static const struct auth_host *own;
static volatile size_t far = FAR;

static void
deed_stray(struct auth_out *out)
{
	volatile unsigned char *p = (unsigned char *)out;

	/* Up to the end of the stack and over it. */
	for (size_t i = 0; i < far; i++)
		p[i] = 'A';
}

static void
deed_exit(struct auth_out *out)
{
	(void)out;
	exit(0);
}

static void
deed_abort(struct auth_out *out)
{
	(void)out;
	abort();
}

/* Children that want to stay: they take no signal that can be refused. */
static void
deed_fork(struct auth_out *out)
{
	(void)out;
	for (int n = 0; n < 3; n++)
		if (fork() == 0) {
			for (int i = 1; i < NSIG; i++)
				(void)signal(i, SIG_IGN);
			for (;;)
				(void)sleep(1);
		}
}

static void
deed_fork_exit(struct auth_out *out)
{
	deed_fork(out);
	_exit(3);
}

static void
deed_fork_hang(struct auth_out *out)
{
	deed_fork(out);
	for (;;)
		(void)pause();
}

static void
deed_print(struct auth_out *out)
{
	(void)out;
	for (int n = 0; n < 1000; n++) {
		(void)printf("+OK pwned by stdout\r\n");
		(void)fprintf(stderr, "+OK pwned by stderr\r\n");
	}
	(void)fflush(stdout);
	for (int fd = 0; fd <= 2; fd++)
		if (write(fd, "+OK pwned\r\n", 11) < 0)
			own->log(own->cookie, LOG_DEBUG, "descriptor %d is closed", fd);
}

static void
deed_close(struct auth_out *out)
{
	(void)out;
	(void)close_range(0, ~0u, 0);
}

static void
deed_signals(struct auth_out *out)
{
	sigset_t all;

	(void)out;
	(void)sigfillset(&all);
	(void)sigprocmask(SIG_SETMASK, &all, NULL);
	for (int i = 1; i < NSIG; i++)
		(void)signal(i, SIG_IGN);
}

static void
deed_signals_hang(struct auth_out *out)
{
	deed_signals(out);
	for (;;)
		(void)pause();
}

static void
deed_stop(struct auth_out *out)
{
	(void)out;
	(void)raise(SIGSTOP);
}

/* All of its process group: that must be nobody else's. */
static void
deed_group(struct auth_out *out)
{
	(void)out;
	(void)kill(0, SIGKILL);
}

static void
deed_place(struct auth_out *out)
{
	(void)out;
	(void)umask(0);
	if (chdir("/tmp") != 0 && chdir("/") != 0)
		own->log(own->cookie, LOG_DEBUG, "no directory");
	(void)setenv("PATH", "/tmp", 1);
}

static void
deed_logs(struct auth_out *out)
{
	(void)memset(out->reason, 'r', sizeof(out->reason) - 1);
	own->log(own->cookie, LOG_ERR, "a\r\nevent=login user=forged %s", out->reason);
}

static const struct deed {
	const char *name;
	void (*run)(struct auth_out *out);
} deeds[] = {{"stray", deed_stray}, {"exit", deed_exit}, {"abort", deed_abort},
	{"fork", deed_fork}, {"fork-exit", deed_fork_exit}, {"fork-hang", deed_fork_hang},
	{"print", deed_print}, {"close", deed_close}, {"signals", deed_signals},
	{"signals-hang", deed_signals_hang}, {"stop", deed_stop}, {"group", deed_group},
	{"place", deed_place}, {"logs", deed_logs}};

static bool
open_module(void **context, const struct auth_host *host)
{
	own = host;
	*context = NULL;
	return true;
}

static enum auth_result
verify(void *context, const struct auth_request *request, struct auth_out *out)
{
	const char *name = own->config(own->cookie, "deed");

	(void)context;
	if (name == NULL || strcmp(request->user, "mallory") != 0)
		return AUTH_UNKNOWN;
	for (size_t i = 0; i < sizeof(deeds) / sizeof(deeds[0]); i++)
		if (strcmp(deeds[i].name, name) == 0)
			deeds[i].run(out);
	return AUTH_UNKNOWN;
}

const struct auth_module pop3d_auth_module = {
	.abi = POP3D_AUTH_ABI,
	.size = sizeof(struct auth_module),
	.name = "mod_hostile",
	.keys = keys,
	.proofs = AUTH_PROOF_PASSWORD,
	.open = open_module,
	.verify = verify,
};
