/*
 * The module "checkpassword": users as any program with that interface knows them.
 *
 * The program runs with the privileges that pop3d was started with and becomes the user
 * itself; this module is asked without any.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <syslog.h>
#include <unistd.h>

#include "auth/auth_module.h"
#include "auth/checkpassword_answer.h"
#include "auth/checkpassword_run.h"

#define TIMEOUT_DEFAULT 10
#define TIMEOUT_MAX 600

struct checkpassword_context {
	const struct auth_host *host;
	bool apop;
	unsigned timeout; /* seconds */
	char *words;      /* what argv points into */
	char *argv[CHECKPASSWORD_ARGUMENTS];
	int runner; /* socket, -1 when it has been used */
	pid_t pid;
};

static const char *const keys[] = {"program", "reply", "timeout", "apop", NULL};

static const char *
value_of(const struct auth_host *host, const char *key)
{
	return host->config(host->cookie, key);
}

static bool
timeout_parse(const char *text, unsigned *timeout)
{
	unsigned value = 0;

	for (const char *p = text; *p != '\0'; p++) {
		if (*p < '0' || *p > '9')
			return false;
		value = value * 10 + (unsigned)(*p - '0');
		if (value > TIMEOUT_MAX)
			return false;
	}
	*timeout = value;
	return value > 0;
}

/* No shell: words are what stands between spaces.  The subprogram comes last. */
static bool
argv_make(struct checkpassword_context *own, const char *program, const char *reply)
{
	size_t n = 0;
	char *end;

	if (asprintf(&own->words, "%s%c%s", program, '\0', reply) < 0) {
		own->words = NULL;
		return false;
	}
	for (char *p = own->words + strspn(own->words, " "); *p != '\0';) {
		if (n == CHECKPASSWORD_ARGUMENTS - 2)
			return false;
		own->argv[n++] = p;
		end = p + strcspn(p, " ");
		p = end + strspn(end, " ");
		*end = '\0';
	}
	own->argv[n] = own->words + strlen(program) + 1;
	/* Without a program its subprogram would let everybody in. */
	return n > 0;
}

/* Who can replace what is run as root can be root. */
static bool
program_check(const struct auth_host *host, const char *path)
{
	const char *wrong = NULL;
	struct stat st;

	if (path[0] != '/')
		wrong = "expected an absolute path";
	else if (stat(path, &st) != 0 || access(path, X_OK) != 0)
		wrong = strerror(errno);
	else if (!S_ISREG(st.st_mode))
		wrong = "not a regular file";
	else if (st.st_uid != 0 && st.st_uid != geteuid())
		wrong = "must belong to root";
	else if ((st.st_mode & S_IWOTH) != 0 ||
		 ((st.st_mode & S_IWGRP) != 0 && st.st_gid != 0))
		wrong = "must not be writable by others";
	if (wrong != NULL)
		host->log(host->cookie, LOG_ERR, "%s: %s", path, wrong);
	return wrong == NULL;
}

static bool
keys_read(struct checkpassword_context *own)
{
	const struct auth_host *host = own->host;
	const char *program = value_of(host, "program"), *reply = value_of(host, "reply");
	const char *timeout = value_of(host, "timeout"), *apop = value_of(host, "apop");

	if (program == NULL) {
		host->log(host->cookie, LOG_ERR, "program is not set");
		return false;
	}
	own->timeout = TIMEOUT_DEFAULT;
	if (timeout != NULL && !timeout_parse(timeout, &own->timeout)) {
		host->log(host->cookie, LOG_ERR, "timeout: expected 1 to %d seconds",
			TIMEOUT_MAX);
		return false;
	}
	own->apop = apop != NULL && strcmp(apop, "yes") == 0;
	if (apop != NULL && !own->apop && strcmp(apop, "no") != 0) {
		host->log(host->cookie, LOG_ERR, "apop: expected yes or no");
		return false;
	}
	reply = reply != NULL ? reply : POP3D_REPLY;
	if (!argv_make(own, program, reply)) {
		host->log(host->cookie, LOG_ERR, "program: expected 1 to %d words",
			CHECKPASSWORD_ARGUMENTS - 2);
		return false;
	}
	return program_check(host, own->argv[0]) && program_check(host, reply);
}

static void
context_free(struct checkpassword_context *own)
{
	free(own->words);
	free(own);
}

static bool
module_open(void **context, const struct auth_host *host)
{
	struct checkpassword_context *own = calloc(1, sizeof(*own));

	if (own == NULL) {
		host->log(host->cookie, LOG_ERR, "%s", strerror(errno));
		return false;
	}
	own->host = host;
	if (!keys_read(own)) {
		context_free(own);
		return false;
	}
	own->runner = checkpassword_run_start(own->argv, own->timeout, &own->pid);
	if (own->runner < 0) {
		host->log(host->cookie, LOG_ERR, "no process: %s", strerror(errno));
		context_free(own);
		return false;
	}
	*context = own;
	return true;
}

/* Ends the runner, if it has not ended yet. */
static void
runner_end(struct checkpassword_context *own)
{
	if (own->runner < 0)
		return;
	(void)close(own->runner);
	own->runner = -1;
	while (waitpid(own->pid, NULL, 0) < 0 && errno == EINTR)
		;
}

static void
module_close(void *context)
{
	struct checkpassword_context *own = context;

	runner_end(own);
	context_free(own);
}

static bool
data_add(struct checkpassword_order *order, const void *p, size_t n)
{
	if (n >= sizeof(order->data) - order->n)
		return false;
	if (n > 0)
		memcpy(order->data + order->n, p, n);
	order->n += n;
	order->data[order->n++] = '\0';
	return true;
}

/* False: it is more than the interface allows. */
static bool
order_make(struct checkpassword_order *order, const struct auth_request *request)
{
	const struct auth_span *challenge = &request->challenge;

	(void)snprintf(order->remote, sizeof(order->remote), "%s", request->remote);
	(void)snprintf(order->local, sizeof(order->local), "%s", request->local);
	return data_add(order, request->user, strlen(request->user)) &&
	       data_add(order, request->secret.p, request->secret.n) &&
	       data_add(order, challenge->p, challenge->n);
}

static enum auth_result
reason_give(struct auth_out *out, enum auth_result result, const char *reason)
{
	(void)snprintf(out->reason, sizeof(out->reason), "%s", reason);
	return result;
}

/* An exit status alone says nothing good: without an answer there was no subprogram. */
static enum auth_result
answer_judge(const struct checkpassword_outcome *outcome, struct auth_out *out)
{
	const char *wrong;

	if (!outcome->answered)
		return reason_give(
			out, AUTH_TEMPFAIL, "program ended without running its argument");
	wrong = checkpassword_answer_parse(outcome->answer, outcome->n, &out->identity);
	if (wrong != NULL)
		return reason_give(out, AUTH_TEMPFAIL, wrong);
	out->identity.uid = outcome->uid;
	out->identity.gid = outcome->gid;
	return AUTH_OK;
}

static enum auth_result
status_judge(const struct checkpassword_outcome *outcome, struct auth_out *out)
{
	if (WIFSIGNALED(outcome->status)) {
		(void)snprintf(out->reason, sizeof(out->reason),
			"program was ended by signal %d", WTERMSIG(outcome->status));
		return AUTH_TEMPFAIL;
	}
	switch (WEXITSTATUS(outcome->status)) {
	case CHECKPASSWORD_RIGHT:
		return answer_judge(outcome, out);
	case CHECKPASSWORD_WRONG:
		return reason_give(out, AUTH_DENY, "refused by the program");
	case CHECKPASSWORD_UNKNOWN:
		return reason_give(out, AUTH_UNKNOWN, "unknown to the program");
	default:
		(void)snprintf(out->reason, sizeof(out->reason),
			"program ended with status %d", WEXITSTATUS(outcome->status));
		return AUTH_TEMPFAIL;
	}
}

static enum auth_result
outcome_judge(const struct checkpassword_outcome *outcome, struct auth_out *out)
{
	switch (outcome->end) {
	case CHECKPASSWORD_ENDED:
		return status_judge(outcome, out);
	case CHECKPASSWORD_LATE:
		return reason_give(out, AUTH_TEMPFAIL, "program took too long");
	case CHECKPASSWORD_BROKEN:
		break;
	}
	(void)snprintf(out->reason, sizeof(out->reason), "program cannot be run: %s",
		strerror(outcome->error));
	return AUTH_TEMPFAIL;
}

static bool
order_run(struct checkpassword_context *own, const struct checkpassword_order *order,
	struct checkpassword_outcome *outcome)
{
	bool done;
	ssize_t n;

	if (own->runner < 0 || send(own->runner, order, sizeof(*order), MSG_NOSIGNAL) !=
				       (ssize_t)sizeof(*order))
		return false;
	do
		n = recv(own->runner, outcome, sizeof(*outcome), 0);
	while (n < 0 && errno == EINTR);
	done = n == (ssize_t)sizeof(*outcome);
	runner_end(own);
	return done;
}

static enum auth_result
module_verify(void *context, const struct auth_request *request, struct auth_out *out)
{
	struct checkpassword_context *own = context;
	struct checkpassword_order order = {.n = 0};
	static struct checkpassword_outcome outcome;
	enum auth_result result;

	if (request->proof == AUTH_PROOF_APOP && !own->apop)
		return reason_give(out, AUTH_UNKNOWN, "apop is not set");
	if (!order_make(&order, request))
		result = reason_give(out, AUTH_DENY, "too long for checkpassword");
	else if (!own->host->wait_turn(own->host->cookie))
		result = reason_give(
			out, AUTH_TEMPFAIL, "too many passwords are being checked");
	else if (!order_run(own, &order, &outcome))
		result = reason_give(out, AUTH_TEMPFAIL, "no process to run a program");
	else
		result = outcome_judge(&outcome, out);
	own->host->wipe(&order, sizeof(order));
	if (result == AUTH_TEMPFAIL)
		own->host->log(
			own->host->cookie, LOG_ERR, "%s: %s", own->argv[0], out->reason);
	return result;
}

const struct auth_module pop3d_auth_module = {
	.abi = POP3D_AUTH_ABI,
	.size = sizeof(struct auth_module),
	.name = "checkpassword",
	.keys = keys,
	.proofs = AUTH_PROOF_PASSWORD | AUTH_PROOF_APOP,
	.open = module_open,
	.verify = module_verify,
	.close = module_close,
};
