#include "pop3d/tls_program.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <unistd.h>

#include "pop3d/descriptors.h"
#include "pop3d/tls/setup.h"

static void
setup_fill(const struct service *service, struct tls_setup *setup)
{
	const struct config *config = service->config;
	const struct config_tls *tls = &config->tls;

	*setup = (struct tls_setup){
		.log = config->server.log,
		.log_level = config->server.log_level,
		.run_directory = config->server.run_directory,
		.root_directory = config->server.chroot,
		.root = service->root,
		.uid = service->front_uid,
		.gid = service->front_gid,
		.certificate = tls->certificate,
		.key = tls->key,
		.ocsp = tls->ocsp,
		.sni = tls->sni,
		.protocols = tls->protocols,
		.ciphers = tls->ciphers,
		.ciphersuites = tls->ciphersuites,
		.groups = tls->groups,
		.client_ca = tls->client_ca,
		.client_crl = tls->client_crl,
		.client_certificate = tls->client_certificate,
		.ticket_keys = tls->ticket_keys,
		.ticket_lifetime = tls->ticket_lifetime,
		.handshake_seconds = config->limits.handshake_seconds,
		.output_seconds = config->limits.output_seconds,
		.connections = config->limits.connections,
	};
}

bool
tls_program_is_wanted(const struct config *config)
{
	const struct config_tls *tls = &config->tls;

	if (tls->mode == TLS_OFF || tls->certificate[0] == '\0')
		return false;
	/* Nobody has asked for what the default names; a file of that name asks. */
	return strcmp(tls->certificate, POP3D_CERTIFICATE) != 0 ||
	       access(tls->certificate, F_OK) == 0 || errno != ENOENT;
}

/* In the child.  What this program's parent left blocked or ignored is not passed on. */
static _Noreturn void
execute(const char *program, const char *role, const int fds[TLS_FDS])
{
	char name[] = "pop3d-tls", word[16];
	char *arguments[] = {name, word, NULL};
	sigset_t none;

	(void)snprintf(word, sizeof(word), "%s", role);
	(void)sigemptyset(&none);
	(void)signal(SIGPIPE, SIG_DFL);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
	if (descriptors_arrange(fds, TLS_FDS))
		(void)execv(program, arguments);
	_exit(EX_UNAVAILABLE);
}

static pid_t
start(const struct service *service, const char *role, int fds[TLS_FDS])
{
	struct tls_setup setup;
	pid_t pid;

	setup_fill(service, &setup);
	fds[TLS_FD_SETUP] = tls_setup_write(&setup);
	if (fds[TLS_FD_SETUP] < 0)
		return -1;
	pid = fork();
	if (pid == 0)
		execute(service->config->tls.program, role, fds);
	(void)close(fds[TLS_FD_SETUP]);
	return pid;
}

/* Descriptors that lead nowhere, but for those that are named after this. */
static void
lead_nowhere(int fds[TLS_FDS])
{
	for (size_t i = 0; i < TLS_FDS; i++)
		fds[i] = -1;
}

pid_t
tls_program_relay(const struct service *service, int in, int out, int control, int inner)
{
	int fds[TLS_FDS];

	lead_nowhere(fds);
	fds[TLS_FD_IN] = in;
	fds[TLS_FD_OUT] = out;
	fds[TLS_FD_ERROR] = STDERR_FILENO;
	fds[TLS_FD_CONTROL] = control;
	fds[TLS_FD_INNER] = inner;
	return start(service, "relay", fds);
}

pid_t
tls_program_resident(const struct service *service, int *channel)
{
	int pair[2];
	int fds[TLS_FDS];
	pid_t pid;

	if (!ipc_pair(pair))
		return -1;
	lead_nowhere(fds);
	fds[TLS_FD_ERROR] = STDERR_FILENO;
	fds[TLS_FD_CONTROL] = pair[1];
	pid = start(service, "resident", fds);
	(void)close(pair[1]);
	if (pid < 0)
		(void)close(pair[0]);
	else
		*channel = pair[0];
	return pid;
}

/* Pass on what it says, line by line. */
static bool
report_lines(int fd, const struct config_report *report)
{
	FILE *file = fdopen(fd, "r");
	char line[600];

	if (file == NULL) {
		(void)close(fd);
		return false;
	}
	while (fgets(line, sizeof(line), file) != NULL) {
		line[strcspn(line, "\n")] = '\0';
		report->problem(report->cookie, line);
	}
	return fclose(file) == 0;
}

static bool
run_check(const struct service *service, const struct config_report *report)
{
	int fds[TLS_FDS];
	int pair[2], status = 0;
	bool heard;
	pid_t pid, got;

	if (pipe2(pair, O_CLOEXEC) != 0)
		return false;
	lead_nowhere(fds);
	fds[TLS_FD_ERROR] = pair[1];
	pid = start(service, "check", fds);
	(void)close(pair[1]);
	heard = report_lines(pair[0], report);
	if (pid < 0)
		return false;
	do
		got = waitpid(pid, &status, 0);
	while (got < 0 && errno == EINTR);
	if (got == pid && heard && WIFEXITED(status) && WEXITSTATUS(status) == EX_OK)
		return true;
	/* With EX_CONFIG it has said what is wrong. */
	if (got != pid || !WIFEXITED(status) || WEXITSTATUS(status) != EX_CONFIG)
		report->problem(report->cookie, "tls.program: it did not run to its end");
	return false;
}

bool
tls_program_check(const struct service *service, const struct config_report *report)
{
	const char *program = service->config->tls.program;
	const char *wrong = NULL;
	char text[512];
	struct stat st;

	if (!service->tls)
		return true;
	if (stat(program, &st) != 0)
		wrong = strerror(errno);
	else if (service->root && (st.st_uid != 0 || (st.st_mode & 022) != 0))
		wrong = "must be owned by root and writable by nobody else";
	else if (access(program, X_OK) != 0)
		wrong = "cannot be executed";
	if (wrong == NULL)
		return run_check(service, report);
	(void)snprintf(text, sizeof(text), "tls.program: %s: %s", program, wrong);
	report->problem(report->cookie, text);
	return false;
}
