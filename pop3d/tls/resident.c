/*
 * The resident process.
 *
 * uid: root, or the one mail user: so a relay that is taken over can neither signal nor
 * trace it, and files that change are read again.
 * Holds: the context, with keys of tickets but no private ones, which its child, the key
 * process, has; the end of a channel on which monitors, which are root as well, send it
 * connections. Must never: read an octet of a client.
 */
#include "pop3d/tls/resident.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <unistd.h>

#include "pop3d/child.h"
#include "pop3d/descriptors.h"
#include "pop3d/ipc_fds.h"
#include "pop3d/log.h"
#include "pop3d/sandbox.h"
#include "pop3d/tls/key_client.h"
#include "pop3d/tls/loaded.h"
#include "pop3d/tls/relay.h"

#define OTHERS 1 /* children that are no relays: the key process */

struct resident {
	const struct tls_setup *setup;
	struct loaded loaded;
	uint64_t children; /* relays, for the most part */
	pid_t old_key;     /* the key process before the one in use; 0: none */
	bool crashed;      /* a child has: its memory layout must not be used again */
};

static void
report_to_log(void *cookie, int priority, const char *text)
{
	(void)cookie;
	log_message(priority, "tls: %s", text);
}

static const struct tls_report report = {report_to_log, NULL};

static void
note_signal(int number)
{
	(void)number;
}

/*
 * The end of a relay comes in only while waiting.  What asks all of a service, or of a
 * terminal, to end is for others: this process does so when they have.
 */
static void
catch_signals(bool catch)
{
	static const int others[] = {SIGTERM, SIGINT, SIGHUP};
	struct sigaction action = {.sa_handler = catch ? note_signal : SIG_DFL};
	sigset_t set;

	(void)sigemptyset(&action.sa_mask);
	(void)sigemptyset(&set);
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		(void)signal(others[i], catch ? SIG_IGN : SIG_DFL);
	(void)sigaddset(&set, SIGCHLD);
	(void)sigaction(SIGCHLD, &action, NULL);
	(void)sigprocmask(catch ? SIG_BLOCK : SIG_UNBLOCK, &set, NULL);
}

/* In a relay's process. */
static _Noreturn void
become_relay(struct resident *r, const int given[IPC_FDS_MAX], int key)
{
	const int fds[TLS_FDS] = {[TLS_FD_IN] = given[0],
		[TLS_FD_OUT] = given[1],
		[TLS_FD_ERROR] = -1,
		[TLS_FD_SETUP] = -1,
		[TLS_FD_CONTROL] = given[2],
		[TLS_FD_INNER] = given[3],
		[TLS_FD_KEY] = key};
	const char *wrong;
	SSL *ssl;

	(void)prctl(PR_SET_NAME, "pop3d-tls", 0, 0, 0);
	catch_signals(false);
	if (!descriptors_arrange(fds, TLS_FDS))
		_exit(EX_OSERR);
	ssl = tls_context_connection(r->loaded.context);
	wrong = ssl == NULL ? "out of memory" : relay_confine(r->setup);
	if (wrong == NULL)
		_exit(relay_run(ssl, r->setup));
	relay_refuse(wrong);
	_exit(EX_OSERR);
}

static void
close_all(const int fds[IPC_FDS_MAX])
{
	for (size_t i = 0; i < IPC_FDS_MAX; i++)
		(void)close(fds[i]);
}

/*
 * Contexts for names are made when a client asks; what is wrong with one is to be known
 * before, and nobody shall wait for that.
 */
static void
check_names(struct resident *r, const int fds[IPC_FDS_MAX])
{
	int key = keys_channel(&r->loaded.keys);
	pid_t pid = key >= 0 ? fork() : -1;

	if (pid != 0) {
		(void)close(key);
		r->children += pid > 0 ? 1 : 0;
		return;
	}
	catch_signals(false);
	close_all(fds);
	(void)close(TLS_FD_CONTROL);
	keys_leave(&r->loaded.keys);
	key_client_use(key, 0);
	(void)tls_context_make_all(r->loaded.context, &report);
	_exit(EX_OK);
}

static void
start_relay(struct resident *r, const int fds[IPC_FDS_MAX])
{
	int key = -1;
	pid_t pid;

	if (r->children >= r->setup->connections * TLS_RELAYS_PER_CONNECTION + OTHERS) {
		log_message(LOG_WARNING, "tls: too many relays, one is refused");
		return;
	}
	key = keys_channel(&r->loaded.keys);
	if (key < 0) {
		log_message(
			LOG_WARNING, "tls: no way to the key process, one is refused");
		return;
	}
	pid = fork();
	if (pid == 0)
		become_relay(r, fds, key);
	(void)close(key);
	if (pid > 0)
		r->children++;
	else
		log_message(LOG_ERR, "tls: no relay: %s", strerror(errno));
}

/* Files that changed, or a key process that has ended, cost one connection the time. */
static void
refresh(struct resident *r, const int fds[IPC_FDS_MAX])
{
	pid_t key = r->loaded.keys.pid;
	bool replaced = loaded_refresh(&r->loaded, r->setup, &report);

	/* Also one that could not be used, which ends by itself. */
	r->children += loaded_started(&r->loaded);
	if (!replaced)
		return;
	r->old_key = key;
	check_names(r, fds);
}

/* False if nobody is left who could ask. */
static bool
serve_request(struct resident *r)
{
	static struct ipc_message message;
	int fds[IPC_FDS_MAX];
	int got = ipc_receive_fds(TLS_FD_CONTROL, &message, fds, IPC_FDS_MAX);

	if (got <= 0)
		return got < 0;
	if (ipc_type(&message) == IPC_RELAY && ipc_end(&message)) {
		refresh(r, fds);
		start_relay(r, fds);
	}
	close_all(fds);
	return true;
}

/* As systemd asks all of a service. */
static bool
was_asked_to_end(int status)
{
	return WIFSIGNALED(status) &&
	       (WTERMSIG(status) == SIGTERM || WTERMSIG(status) == SIGINT);
}

static void
reap(struct resident *r)
{
	struct keys *keys = &r->loaded.keys;
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		bool key = pid == keys->pid || pid == r->old_key;

		/* Those of before an execution anew were never counted. */
		r->children -= r->children > 0 ? 1 : 0;
		if (!was_asked_to_end(status) &&
			child_report(key ? "key" : "tls", status))
			r->crashed = true;
		if (pid == keys->pid) {
			log_message(LOG_WARNING, "tls: the key process has ended");
			keys_leave(keys);
		}
	}
}

static int
serve(struct resident *r, char **arguments, const char *program)
{
	struct pollfd p = {.fd = TLS_FD_CONTROL, .events = POLLIN};
	sigset_t none;

	(void)sigemptyset(&none);
	for (;;) {
		int ready = ppoll(&p, 1, NULL, &none);
		reap(r);
		if (r->crashed) {
			/* The channel, the setup and the relays stay what they are. */
			log_message(LOG_INFO, "tls: executing anew: a child crashed");
			(void)execv(program, arguments);
			return EX_OSERR;
		}
		if (ready > 0 && !serve_request(r))
			return EX_OK;
	}
}

int
resident_run(const struct tls_setup *setup, char **arguments)
{
	static struct resident r;
	char program[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", program, sizeof(program) - 1);
	const char *wrong;

	(void)prctl(PR_SET_NAME, "pop3d-resident", 0, 0, 0);
	program[n > 0 ? n : 0] = '\0';
	wrong = log_open(setup->log, setup->log_level, true);
	if (wrong != NULL)
		log_message(LOG_WARNING, "%s", wrong);
	r.setup = setup;
	if (!sandbox_common() ||
		!loaded_read(&r.loaded, setup, KEYS_FOR_RESIDENT, &report) ||
		!loaded_make(&r.loaded, setup, &report))
		return EX_CONFIG;
	r.children = loaded_started(&r.loaded);
	catch_signals(true);
	return serve(&r, arguments, program);
}
