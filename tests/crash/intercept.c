/*
 * Count the file system calls of a process, and strike one of them.
 *
 * usage: intercept -o REPORT [-l] [-p NAME] [-n N -a ACTION [-f]] PROGRAM [ARGUMENT ...]
 *
 * Counting begins when a process calls itself NAME (prctl PR_SET_NAME; "pop3d-session" if
 * -p is not given) and goes on to its end; all its threads count, calls on pipes and
 * sockets do not.  Call N is struck at its entry: "kill" ends the process, a number is
 * the errno that it returns without having been done, "short" does only the first half of
 * a write.  -f: it and every one that follows, as on a disk that died.
 *
 * The kernel hands every call over (SECCOMP_RET_USER_NOTIF), whatever library made it.
 * REPORT gets "call N NAME TARGET" for each with -l, "struck N NAME TARGET", "total N"
 * and the "status" of wait().  Must run as root.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/crash/intercept_calls.h"
#include "tests/crash/intercept_filter.h"

#ifndef SECCOMP_IOCTL_NOTIF_SET_FLAGS
#define SECCOMP_IOCTL_NOTIF_SET_FLAGS SECCOMP_IOW(4, __u64)
#define SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP 1ul
#endif

#define TIMEOUT_MS 20000
#define TARGET_MAX 512
#define SHORT_MAX ((size_t)1 << 20)

static struct {
	FILE *report;
	const char *name;
	unsigned long n;
	const char *action; /* NULL: count only */
	bool list, follow;
	pid_t counted; /* whose calls count, with all its threads; 0: none yet */
	pid_t thread;  /* of them, the one that was met last */
	unsigned long total;
} state = {.name = "pop3d-session"};

static void
die(const char *what)
{
	perror(what);
	exit(2);
}

/* Read memory of a process; returns how many octets there were. */
static size_t
peek(pid_t pid, uint64_t address, void *buf, size_t n)
{
	struct iovec local = {buf, n}, remote = {.iov_len = n};
	ssize_t got;

	memcpy(&remote.iov_base, &address, sizeof remote.iov_base);
	got = process_vm_readv(pid, &local, 1, &remote, 1, 0);
	return got < 0 ? 0 : (size_t)got;
}

/* A string of a process, cut where it does not fit or a page ends. */
static void
peek_text(pid_t pid, uint64_t address, char *text, size_t size)
{
	const size_t page = 4096 - (size_t)(address % 4096);
	size_t n = 0;

	if (address != 0)
		n = peek(pid, address, text, page < size - 1 ? page : size - 1);
	if (n > 0 && n == page && n < size - 1 && memchr(text, '\0', n) == NULL)
		n += peek(pid, address + n, text + n, size - 1 - n);
	text[n] = '\0';
}

/* What a descriptor leads to; false if that has no name in a file system. */
static bool
descriptor_target(pid_t pid, int fd, char *target)
{
	char link[64];
	ssize_t n;

	(void)snprintf(link, sizeof link, "/proc/%d/fd/%d", (int)pid, fd);
	n = readlink(link, target, TARGET_MAX - 1);
	target[n > 0 ? n : 0] = '\0';
	return *target == '/';
}

/* What a call is about; false if it is no call of a file system. */
static bool
call_target(const struct file_call *call, const struct seccomp_notif *request,
	char target[TARGET_MAX])
{
	const pid_t pid = (pid_t)request->pid;
	const __u64 *args = request->data.args;

	if (call->target == TARGET_FD)
		return descriptor_target(pid, (int)args[0], target);
	peek_text(pid, args[call->target == TARGET_AT], target, TARGET_MAX);
	if (*target == '\0' && call->target == TARGET_AT)
		return descriptor_target(pid, (int)args[0], target);
	return true;
}

/* Whether a thread is one of the process that counts. */
static bool
is_counted(pid_t thread)
{
	char path[64], line[128];
	int pid = 0;
	FILE *f;

	if (state.counted == 0 || thread == state.counted || thread == state.thread)
		return state.counted != 0;
	(void)snprintf(path, sizeof path, "/proc/%d/status", (int)thread);
	f = fopen(path, "re");
	while (f != NULL && pid == 0 && fgets(line, sizeof line, f) != NULL)
		if (strncmp(line, "Tgid:", 5) == 0)
			pid = (int)strtol(line + 5, NULL, 10);
	if (f != NULL)
		(void)fclose(f);
	if (pid != state.counted)
		return false;
	state.thread = thread;
	return true;
}

/* Do the first half of a write; false if there is no such half. */
static bool
write_short(const struct seccomp_notif *request, struct seccomp_notif_resp *response)
{
	const __u64 *args = request->data.args;
	const size_t half = (size_t)args[2] / 2;
	const bool at = request->data.nr == SYS_pwrite64;
	int process, fd;
	char *text;

	if ((!at && request->data.nr != SYS_write) || half == 0 || half > SHORT_MAX)
		return false;
	text = malloc(half);
	process = (int)syscall(SYS_pidfd_open, state.counted, 0);
	fd = (int)syscall(SYS_pidfd_getfd, process, (int)args[0], 0);
	if (text == NULL || fd < 0 ||
		peek((pid_t)request->pid, args[1], text, half) != half)
		die("intercept: half a write");
	response->val =
		at ? pwrite(fd, text, half, (off_t)args[3]) : write(fd, text, half);
	if (response->val < 0)
		die("intercept: half a write");
	(void)close(fd);
	(void)close(process);
	free(text);
	return true;
}

/* Fill the response to the call that is struck; false: let it through. */
static bool
strike(const struct seccomp_notif *request, struct seccomp_notif_resp *response)
{
	if (strcmp(state.action, "kill") == 0) {
		if (kill(state.counted, SIGKILL) != 0)
			die("intercept: kill");
		return true;
	}
	if (strcmp(state.action, "short") == 0)
		return write_short(request, response);
	response->error = -(int)strtol(state.action, NULL, 10);
	return true;
}

/* One call of a process that counts; false: let it through. */
static bool
count(const struct seccomp_notif *request, struct seccomp_notif_resp *response)
{
	const struct file_call *call = file_call_find(request->data.nr);
	char target[TARGET_MAX];

	if (call == NULL || !is_counted((pid_t)request->pid) ||
		!call_target(call, request, target))
		return false;
	state.total++;
	if (state.list)
		fprintf(state.report, "call %lu %s %s\n", state.total, call->name,
			target);
	if (state.action == NULL || state.total < state.n ||
		(state.total > state.n && !state.follow))
		return false;
	if (!strike(request, response))
		return false;
	if (state.total == state.n)
		fprintf(state.report, "struck %lu %s %s\n", state.n, call->name, target);
	return true;
}

static void
begin(const struct seccomp_notif *request)
{
	char name[17];

	peek_text((pid_t)request->pid, request->data.args[1], name, sizeof name);
	if (state.counted == 0 && strcmp(name, state.name) == 0)
		state.counted = (pid_t)request->pid;
}

static void
answer(int listener)
{
	struct seccomp_notif request = {0};
	struct seccomp_notif_resp response = {0};

	if (ioctl(listener, SECCOMP_IOCTL_NOTIF_RECV, &request) != 0) {
		/* Its process was killed meanwhile. */
		if (errno == ENOENT || errno == EINTR)
			return;
		die("intercept: receive");
	}
	response.id = request.id;
	if (request.data.nr == SYS_prctl)
		begin(&request);
	if (request.data.nr == SYS_prctl || !count(&request, &response))
		response.flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE;
	if (ioctl(listener, SECCOMP_IOCTL_NOTIF_SEND, &response) != 0 && errno != ENOENT)
		die("intercept: send");
}

/* Until no process is left that has the filter. */
static void
serve(int listener, pid_t child)
{
	struct pollfd wait = {listener, POLLIN, 0};

	for (;;) {
		const int ready = poll(&wait, 1, TIMEOUT_MS);

		if (ready <= 0) {
			(void)kill(state.counted != 0 ? state.counted : child, SIGKILL);
			(void)kill(child, SIGKILL);
			fprintf(stderr, "intercept: the program hangs\n");
			exit(2);
		}
		if (wait.revents & POLLIN)
			answer(listener);
		else
			return;
	}
}

static void
run_child(int sock, char **argv)
{
	int listener;

	if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0)
		die("intercept: prctl");
	/* From here on every call in the list waits for the parent. */
	listener = filter_install();
	if (listener < 0 || !filter_pass(sock, &listener, true))
		_exit(126);
	execv(argv[0], argv);
	_exit(127);
}

static char **
read_options(int argc, char **argv)
{
	int option;

	while ((option = getopt(argc, argv, "+o:lp:n:a:f")) != -1)
		switch (option) {
		case 'o':
			state.report = fopen(optarg, "we");
			break;
		case 'l':
			state.list = true;
			break;
		case 'p':
			state.name = optarg;
			break;
		case 'n':
			state.n = strtoul(optarg, NULL, 10);
			break;
		case 'a':
			state.action = optarg;
			break;
		case 'f':
			state.follow = true;
			break;
		default:
			exit(2);
		}
	if (state.report == NULL || optind == argc)
		die("intercept: -o, or no program");
	return argv + optind;
}

int
main(int argc, char **argv)
{
	char **command = read_options(argc, argv);
	int socks[2], listener, status;
	pid_t child;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, socks) != 0)
		die("intercept: socketpair");
	child = fork();
	if (child < 0)
		die("intercept: fork");
	if (child == 0)
		run_child(socks[1], command);
	(void)close(socks[1]);
	if (!filter_pass(socks[0], &listener, false))
		die("intercept: no filter");
	/* A client that reads to the end must not wait for us. */
	(void)close(0);
	(void)close(1);
	/* Only quicker: older kernels do not know it. */
	(void)ioctl(listener, SECCOMP_IOCTL_NOTIF_SET_FLAGS,
		SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP);
	serve(listener, child);
	if (waitpid(child, &status, 0) != child)
		die("intercept: wait");
	fprintf(state.report, "total %lu\nstatus %d\n", state.total, status);
	return fclose(state.report) == 0 ? 0 : 2;
}
