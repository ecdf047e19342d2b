#include "auth/checkpassword_run.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define DATA_FD 3     /* by the interface */
#define SAFE_FD 16    /* above those that a program is given */
#define SWEEPS_MAX 64 /* rounds of killing what the program left behind */

/* The descriptors of a run, all close-on-exec and above those that they become. */
struct run {
	int data;   /* for the program to read */
	int answer; /* for its subprogram to write */
	int listen; /* the other end of that */
	pid_t pid;
};

static void
run_close(const struct run *run)
{
	const int fds[] = {run->data, run->answer, run->listen};

	for (size_t i = 0; i < sizeof(fds) / sizeof(fds[0]); i++)
		if (fds[i] >= 0)
			(void)close(fds[i]);
}

/* Move a descriptor up; -1 with errno set, and nothing left open. */
static int
descriptor_lift(int fd)
{
	int lifted = fcntl(fd, F_DUPFD_CLOEXEC, SAFE_FD);
	int error = errno;

	(void)close(fd);
	errno = error;
	return lifted;
}

/* A pipe holds that much without a reader, and its end is seen by whoever reads it. */
static bool
data_prepare(struct run *run, struct checkpassword_order *order)
{
	int fds[2];
	ssize_t n;

	if (pipe2(fds, O_CLOEXEC) != 0)
		return false;
	n = write(fds[1], order->data, order->n);
	explicit_bzero(order->data, sizeof(order->data));
	(void)close(fds[1]);
	run->data = descriptor_lift(fds[0]);
	return n == (ssize_t)order->n && run->data >= 0;
}

/* The kernel says who writes: a user's process cannot claim to be somebody else's. */
static bool
answer_prepare(struct run *run)
{
	int fds[2], on = 1;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds) != 0)
		return false;
	run->listen = descriptor_lift(fds[0]);
	run->answer = descriptor_lift(fds[1]);
	return run->listen >= 0 && run->answer >= 0 &&
	       setsockopt(run->listen, SOL_SOCKET, SO_PASSCRED, &on, sizeof(on)) == 0;
}

static int
actions_add(posix_spawn_file_actions_t *actions, const struct run *run)
{
	int error = posix_spawn_file_actions_addchdir_np(actions, "/");

	for (int fd = 0; error == 0 && fd <= STDERR_FILENO; fd++)
		error = posix_spawn_file_actions_addopen(
			actions, fd, "/dev/null", O_RDWR, 0);
	if (error == 0)
		error = posix_spawn_file_actions_adddup2(actions, run->data, DATA_FD);
	if (error == 0)
		error = posix_spawn_file_actions_adddup2(
			actions, run->answer, CHECKPASSWORD_ANSWER_FD);
	if (error == 0)
		error = posix_spawn_file_actions_addclosefrom_np(
			actions, CHECKPASSWORD_ANSWER_FD + 1);
	return error;
}

/* A group of its own, and signals as a program expects them. */
static int
attributes_set(posix_spawnattr_t *attributes)
{
	const short flags = (short)(POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGDEF |
				    POSIX_SPAWN_SETSIGMASK);
	sigset_t all, none;
	int error;

	(void)sigfillset(&all);
	(void)sigemptyset(&none);
	error = posix_spawnattr_setflags(attributes, flags);
	if (error == 0)
		error = posix_spawnattr_setsigdefault(attributes, &all);
	if (error == 0)
		error = posix_spawnattr_setsigmask(attributes, &none);
	return error;
}

/* The variables are those of tcpserver, which such programs are used to. */
static int
program_start(
	struct run *run, char *const argv[], const struct checkpassword_order *order)
{
	static char path[] = "PATH=/usr/sbin:/usr/bin:/sbin:/bin", proto[] = "PROTO=TCP";
	char remote[96], local[96];
	char *environment[] = {path, proto, remote, local, NULL};
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attributes;
	int error;

	(void)snprintf(remote, sizeof(remote), "TCPREMOTEIP=%s", order->remote);
	(void)snprintf(local, sizeof(local), "TCPLOCALIP=%s", order->local);
	error = posix_spawn_file_actions_init(&actions);
	if (error != 0)
		return error;
	error = posix_spawnattr_init(&attributes);
	if (error == 0) {
		error = actions_add(&actions, run);
		if (error == 0)
			error = attributes_set(&attributes);
		if (error == 0)
			error = posix_spawn(&run->pid, argv[0], &actions, &attributes,
				argv, environment);
		(void)posix_spawnattr_destroy(&attributes);
	}
	(void)posix_spawn_file_actions_destroy(&actions);
	return error;
}

static int64_t
now_ms(void)
{
	struct timespec now = {0};

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* True: the program has ended; false: it is late, or nobody waits for it any more. */
static bool
end_await(pid_t pid, unsigned timeout, int watch)
{
	struct pollfd p[2] = {{.events = POLLIN}, {.fd = watch, .events = POLLIN}};
	const int64_t deadline = now_ms() + (int64_t)timeout * 1000;
	int64_t left;
	int ready;

	p[0].fd = pidfd_open(pid, 0);
	if (p[0].fd < 0)
		return false;
	do {
		left = deadline - now_ms();
		ready = poll(p, watch >= 0 ? 2 : 1, left > 0 ? (int)left : 0);
	} while (ready < 0 && errno == EINTR);
	(void)close(p[0].fd);
	return ready > 0 && p[0].revents != 0;
}

/* What the program started and left alone has become a child of this process. */
static bool
sweep(void)
{
	FILE *list = fopen("/proc/thread-self/children", "re");
	bool found = false;
	int pid;

	/* NOLINTNEXTLINE(cert-err34-c): the kernel writes numbers of processes. */
	while (list != NULL && fscanf(list, "%d", &pid) == 1) {
		found = true;
		/* A program that became more than we are cannot be killed. */
		if (kill(pid, SIGKILL) == 0)
			(void)waitpid(pid, NULL, 0);
	}
	if (list != NULL)
		(void)fclose(list);
	return found;
}

static void
sweep_all(void)
{
	for (int i = 0; i < SWEEPS_MAX && sweep(); i++)
		;
}

static void
program_kill(pid_t pid)
{
	(void)kill(-pid, SIGKILL);
	if (kill(pid, SIGKILL) == 0)
		(void)waitpid(pid, NULL, 0);
	sweep_all();
}

/* Its number is that of its group until it has been waited for.  False: it is unknown. */
static bool
program_collect(pid_t pid, int *status)
{
	bool known;

	(void)kill(-pid, SIGKILL);
	known = waitpid(pid, status, 0) == pid;
	sweep_all();
	return known;
}

static bool
answer_take(int fd, struct checkpassword_outcome *outcome)
{
	union {
		struct cmsghdr align;
		char octets[CMSG_SPACE(sizeof(struct ucred))];
	} control;
	struct iovec part = {outcome->answer, sizeof(outcome->answer)};
	struct msghdr message = {.msg_iov = &part,
		.msg_iovlen = 1,
		.msg_control = control.octets,
		.msg_controllen = sizeof(control.octets)};
	struct ucred who;
	const struct cmsghdr *header;
	ssize_t n = recvmsg(fd, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);

	if (n <= 0 || (message.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) != 0)
		return false;
	header = CMSG_FIRSTHDR(&message);
	if (header == NULL || header->cmsg_level != SOL_SOCKET ||
		header->cmsg_type != SCM_CREDENTIALS ||
		header->cmsg_len != CMSG_LEN(sizeof(who)))
		return false;
	memcpy(&who, CMSG_DATA(header), sizeof(who));
	outcome->uid = who.uid;
	outcome->gid = who.gid;
	outcome->n = (size_t)n;
	return true;
}

void
checkpassword_run(char *const argv[], unsigned timeout, struct checkpassword_order *order,
	int watch, struct checkpassword_outcome *outcome)
{
	struct run run = {-1, -1, -1, -1};

	memset(outcome, 0, sizeof(*outcome));
	if (!data_prepare(&run, order) || !answer_prepare(&run))
		outcome->error = errno;
	else
		outcome->error = program_start(&run, argv, order);
	if (outcome->error == 0 && !end_await(run.pid, timeout, watch)) {
		program_kill(run.pid);
		outcome->end = CHECKPASSWORD_LATE;
	} else if (outcome->error == 0) {
		outcome->end = program_collect(run.pid, &outcome->status)
				       ? CHECKPASSWORD_ENDED
				       : CHECKPASSWORD_BROKEN;
		outcome->answered = answer_take(run.listen, outcome);
	}
	run_close(&run);
}

_Noreturn static void
runner(char *const argv[], unsigned timeout, int fd)
{
	struct checkpassword_order order;
	struct checkpassword_outcome outcome;
	ssize_t n;

	(void)prctl(PR_SET_NAME, "pop3d-checkpw", 0, 0, 0);
	/* Nothing of the auth process but this: its end must be seen by others. */
	if (dup2(fd, SAFE_FD) != SAFE_FD || close_range(SAFE_FD + 1, ~0u, 0) != 0 ||
		close_range(STDERR_FILENO + 1, SAFE_FD - 1, 0) != 0)
		_exit(CHECKPASSWORD_TEMPORARY);
	(void)prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
	/* Who ends an attempt ends its process group: the program must not outlive that.
	 */
	(void)setsid();
	do
		n = recv(SAFE_FD, &order, sizeof(order), 0);
	while (n < 0 && errno == EINTR);
	if (n != (ssize_t)sizeof(order) || order.n > sizeof(order.data))
		_exit(CHECKPASSWORD_MISUSED);
	checkpassword_run(argv, timeout, &order, SAFE_FD, &outcome);
	n = send(SAFE_FD, &outcome, sizeof(outcome), MSG_NOSIGNAL);
	_exit(n == (ssize_t)sizeof(outcome) ? 0 : CHECKPASSWORD_TEMPORARY);
}

int
checkpassword_run_start(char *const argv[], unsigned timeout, pid_t *pid)
{
	int fds[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds) != 0)
		return -1;
	*pid = fork();
	if (*pid == 0)
		runner(argv, timeout, fds[1]);
	(void)close(fds[1]);
	if (*pid > 0)
		return fds[0];
	int error = errno;
	(void)close(fds[0]);
	errno = error;
	return -1;
}
