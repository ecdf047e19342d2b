/*
 * The listener process.
 *
 * uid: root, or the one mail user.  Holds: the listening sockets and the table of its
 * children.  Must never: read an octet from a client.
 */
#include "pop3d/listener.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <time.h>
#include <unistd.h>

#include "mailstore/mailstore.h"
#include "pop3d/child.h"
#include "pop3d/children.h"
#include "pop3d/clock.h"
#include "pop3d/gate.h"
#include "pop3d/ipc.h"
#include "pop3d/listener_state.h"
#include "pop3d/log.h"
#include "pop3d/monitor.h"
#include "pop3d/reexec.h"
#include "pop3d/run_directory.h"

#define STOP_SECONDS 5      /* for sessions to finish an UPDATE when the listener stops */
#define ACCEPT_PAUSE_MS 100 /* after running out of descriptors or memory */

static const int signals[] = {SIGCHLD, SIGTERM, SIGINT, SIGHUP};
#define SIGNALS (sizeof(signals) / sizeof(signals[0]))

static volatile sig_atomic_t stop_asked, reload_asked;

static void
note_signal(int number)
{
	if (number == SIGHUP)
		reload_asked = 1;
	else if (number != SIGCHLD)
		stop_asked = 1;
}

/* Signals come in only while waiting, so that nothing in here can be interrupted. */
static void
catch_signals(bool catch)
{
	struct sigaction action = {.sa_handler = catch ? note_signal : SIG_DFL};
	sigset_t set;

	(void)sigemptyset(&set);
	(void)sigemptyset(&action.sa_mask);
	for (size_t i = 0; i < SIGNALS; i++) {
		(void)sigaddset(&set, signals[i]);
		(void)sigaction(signals[i], &action, NULL);
	}
	(void)sigprocmask(catch ? SIG_BLOCK : SIG_UNBLOCK, &set, NULL);
}

static void
reap(struct listener *l)
{
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		if (listener_resident_ended(l, pid, status))
			continue;
		if (child_crashed(status))
			listener_charge_crash(l, pid);
		if (!children_remove(&l->children, pid))
			continue;
		l->busy = clock_now();
		(void)child_report("connection", status);
		if (child_crashed(status) ||
			(WIFEXITED(status) && WEXITSTATUS(status) == EX_SOFTWARE))
			l->crashed = true;
	}
}

static void
close_sockets(const struct listener *l)
{
	for (int i = 0; i < l->startup->n; i++)
		(void)close(l->startup->sockets[i].fd);
}

/* In the child: the connection becomes 0 and 1, and the listener's descriptors go. */
static int
serve(struct listener *l, int fd, const struct endpoint *endpoint)
{
	const struct monitor_client client = {
		.in = STDIN_FILENO, .out = STDOUT_FILENO, .endpoint = *endpoint};

	catch_signals(false);
	close_sockets(l);
	(void)close(l->gate);
	if (dup2(fd, STDIN_FILENO) < 0 || dup2(fd, STDOUT_FILENO) < 0)
		return EX_OSERR;
	if (fd > STDERR_FILENO)
		(void)close(fd);
	return monitor_run(l->service, &client);
}

/* Returns -1 in the listener, the exit status in a child that has served. */
static int
take_connection(struct listener *l, int i)
{
	const struct timespec pause = {0, ACCEPT_PAUSE_MS * 1000000L};
	struct sockaddr_storage ss = {0};
	socklen_t n = sizeof(ss);
	struct address peer;
	const char *wrong;
	pid_t pid;
	int fd = accept4(
		l->startup->sockets[i].fd, (struct sockaddr *)&ss, &n, SOCK_CLOEXEC);

	if (fd < 0) {
		if (errno == EMFILE || errno == ENFILE || errno == ENOMEM ||
			errno == ENOBUFS)
			(void)nanosleep(&pause, NULL);
		return -1;
	}
	l->busy = clock_now();
	address_set(&peer, (struct sockaddr *)&ss, n);
	wrong = listener_refusal(l, i, &peer);
	if (wrong != NULL) {
		listener_refuse(fd, &l->endpoints[i], &peer, wrong);
		return -1;
	}
	pid = fork();
	if (pid == 0)
		return serve(l, fd, &l->endpoints[i]);
	if (pid < 0)
		listener_refuse(fd, &l->endpoints[i], &peer, "fork");
	else
		(void)close(fd);
	if (pid > 0)
		children_add(&l->children, pid, peer.network);
	return -1;
}

/* Wait until a socket is readable, a signal came, or an idle listener may end. */
static int
wait_for_work(const struct listener *l, struct pollfd *p)
{
	uint64_t idle = l->service->config->limits.wait_idle_seconds;
	const struct timespec second = {1, 0};
	sigset_t none;
	int ready;

	(void)sigemptyset(&none);
	ready = ppoll(p, (nfds_t)l->startup->n + 1,
		l->startup->wait || listener_resident_is_due(l) ? &second : NULL, &none);
	if (ready == 0 && l->startup->wait && l->children.n == 0 &&
		clock_now() - l->busy >= (int64_t)idle * 1000)
		stop_asked = 1;
	return ready;
}

static void
stop(struct listener *l)
{
	const struct timespec step = {0, 20000000L};
	int64_t deadline = clock_after(STOP_SECONDS);

	close_sockets(l);
	children_signal(&l->children, SIGTERM);
	while (l->children.n > 0 && clock_left(deadline) > 0) {
		reap(l);
		(void)nanosleep(&step, NULL);
	}
	log_message(LOG_INFO, "stopped, %zu connections left", l->children.n);
}

/* Mail is served without it, but what processes share is not there: say so once. */
static void
try_run_directory(const struct config *config)
{
	const char *wrong;
	int fd = run_directory_open(config->server.run_directory, &wrong);

	if (fd >= 0)
		(void)close(fd);
	else
		log_message(LOG_WARNING,
			"server.run_directory: no cache of passwords, no limits per user "
			"and of verifications, no penalties: %s",
			wrong);
}

static bool
open_gate(struct listener *l)
{
	int pair[2];

	if (!ipc_pair(pair))
		return false;
	l->gate = pair[0];
	l->service->gate = pair[1];
	return true;
}

/* True, and kept from other programs, if it is such a channel as the gate is made of. */
static bool
take_channel(int fd)
{
	int type = 0;
	socklen_t n = sizeof(type);

	return getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &n) == 0 &&
	       type == SOCK_SEQPACKET && fcntl(fd, F_SETFD, FD_CLOEXEC) == 0;
}

/*
 * What the program had before it was executed anew.  One of another version, which has
 * been replaced meanwhile, may have handed over something else: then this one begins
 * without, rather than not at all.
 */
static bool
take_over(struct listener *l)
{
	const int table = l->options->table;
	const int gate[2] = {table + 1, table + 2};
	bool is_gate[2] = {take_channel(gate[0]), take_channel(gate[1])};
	bool good = children_restore(&l->children, table);

	(void)close(table);
	if (good && is_gate[0] && is_gate[1]) {
		l->gate = gate[0];
		l->service->gate = gate[1];
		return true;
	}
	log_message(LOG_WARNING,
		"what was handed over is of another version: connections "
		"from before are not counted");
	/* A monitor that still asks there is not kept waiting. */
	for (size_t i = 0; i < 2; i++)
		if (is_gate[i])
			(void)close(gate[i]);
	return open_gate(l);
}

static bool
prepare(struct listener *l)
{
	size_t room = l->service->config->limits.connections;
	bool good = children_init(&l->children, room);

	if (good)
		good = l->options->table >= 0 ? take_over(l) : open_gate(l);
	for (int i = 0; i < l->startup->n; i++) {
		int fd = l->startup->sockets[i].fd, flags = fcntl(fd, F_GETFL);
		/* A client that is gone again before accept() must not block the others.
		 */
		if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) != 0 ||
			(fd > STDERR_FILENO && fcntl(fd, F_SETFD, FD_CLOEXEC) != 0))
			good = false;
	}
	(void)half_open_parse(l->service->config->limits.half_open, &l->half_open);
	return good;
}

/* What the sockets' names ask for must be there.  False: it has been logged. */
static bool
name_endpoints(struct listener *l)
{
	for (int i = 0; i < l->startup->n; i++) {
		const char *name = l->startup->sockets[i].name, *wrong = NULL;
		struct endpoint *endpoint = &l->endpoints[i];

		if (!endpoint_of(name, l->service->config, endpoint))
			wrong = "means nothing";
		else if (endpoint->tls == TLS_IMPLICIT && !l->service->tls)
			wrong = "asks for TLS, but there is no certificate, or tls.mode "
				"is off";
		if (wrong == NULL)
			continue;
		log_message(LOG_ERR, "socket %d: its name %s %s", i, name, wrong);
		return false;
	}
	return true;
}

int
listener_run(const struct startup *startup, const struct options *options,
	struct service *service)
{
	static struct listener l;
	struct pollfd p[STARTUP_SOCKETS_MAX + 1];

	(void)prctl(PR_SET_NAME, "pop3d-listener", 0, 0, 0);
	/* The keeper of a session that a module opened outlives that session. */
	(void)prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
	reexec_prepare();
	l.startup = startup;
	l.options = options;
	l.service = service;
	l.busy = clock_now();
	if (!prepare(&l)) {
		log_message(LOG_ERR, "listener: %s", strerror(errno));
		return EX_OSERR;
	}
	if (!name_endpoints(&l))
		return EX_CONFIG;
	try_run_directory(service->config);
	mailstore_identify();
	listener_look_at_config(options, &l.config_seen);
	catch_signals(true);
	for (int i = 0; i < startup->n; i++)
		p[i] = (struct pollfd){.fd = startup->sockets[i].fd, .events = POLLIN};
	p[startup->n] = (struct pollfd){.fd = l.gate, .events = POLLIN};
	log_message(LOG_INFO, "%s on %d sockets",
		options->table >= 0 ? "still listening" : "listening", startup->n);
	/* Children may have ended while the program was executed anew. */
	reap(&l);
	while (!stop_asked) {
		listener_resident_start(&l);
		int ready = wait_for_work(&l, p);
		reap(&l);
		if (stop_asked)
			break;
		l.reload = l.reload || reload_asked;
		reload_asked = 0;
		listener_renew(&l);
		if (ready > 0 && p[startup->n].revents != 0)
			gate_answer(l.gate, &l.children,
				service->config->limits.connections_per_address);
		for (int i = 0; ready > 0 && i < startup->n; i++) {
			if (p[i].revents == 0)
				continue;
			int status = take_connection(&l, i);
			if (status >= 0)
				return status;
		}
	}
	stop(&l);
	return EX_OK;
}
