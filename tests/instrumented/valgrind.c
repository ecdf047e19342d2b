/*
 * What is linked into the programs and modules that valgrind runs: what it cannot live
 * with is left out, the system calls that it does not know are made of others, and each
 * process gets to write its summary.
 *
 * The linker is told --wrap for kill, pidfd_open, poll, prctl, setrlimit and syscall.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <valgrind/callgrind.h>

#define POLL_MS 5
#define WATCHED_MAX 16u

/* The names are those of the linker. */
/* NOLINTBEGIN(bugprone-reserved-identifier,cert-dcl37-c,cert-dcl51-cpp) */
int __wrap_kill(pid_t pid, int signal);
int __real_kill(pid_t pid, int signal);
int __wrap_pidfd_open(pid_t pid, unsigned flags);
int __wrap_poll(struct pollfd *fds, nfds_t n, int timeout);
int __real_poll(struct pollfd *fds, nfds_t n, int timeout);
int __wrap_prctl(int option, ...);
int __real_prctl(int option, ...);
int __wrap_setrlimit(__rlimit_resource_t resource, const struct rlimit *limit);
int __real_setrlimit(__rlimit_resource_t resource, const struct rlimit *limit);
long __wrap_syscall(long number, ...);
/* NOLINTEND(bugprone-reserved-identifier,cert-dcl37-c,cert-dcl51-cpp) */

/* Who is killed reports nothing; SIGTERM ends a role as surely, by valgrind's hand. */
static int
gentler(int signal)
{
	return signal == SIGKILL ? SIGTERM : signal;
}

int
__wrap_kill(pid_t pid, int signal)
{
	return __real_kill(pid, gentler(signal));
}

/* The log of valgrind says which role each process has. */
int
__wrap_prctl(int option, ...)
{
	va_list list;
	unsigned long a[4];

	va_start(list, option);
	for (size_t i = 0; i < 4; i++)
		a[i] = va_arg(list, unsigned long);
	va_end(list);
	if (option == PR_SET_NAME)
		(void)VALGRIND_PRINTF("role %s\n", (const char *)a[0]);
	if (option == PR_SET_PDEATHSIG)
		a[0] = (unsigned long)gentler((int)a[0]);
	return __real_prctl(option, a[0], a[1], a[2], a[3]);
}

/* valgrind has memory of its own beside the process's, and keeps the hard limit of files.
 */
int
__wrap_setrlimit(__rlimit_resource_t resource, const struct rlimit *limit)
{
	struct rlimit now;

	if (resource == RLIMIT_AS)
		return 0;
	if (resource != RLIMIT_NOFILE)
		return __real_setrlimit(resource, limit);
	if (getrlimit(resource, &now) != 0)
		return -1;
	now.rlim_cur = limit->rlim_cur;
	return __real_setrlimit(resource, &now);
}

/* Only seccomp and Landlock are called by number: it is as if the kernel had neither. */
long
__wrap_syscall(long number, ...)
{
	(void)number;
	errno = ENOSYS;
	return -1;
}

/*
 * In the place of a pidfd: a socket to which nobody writes, and which knows the process
 * by its low-water mark.
 */
int
__wrap_pidfd_open(pid_t pid, unsigned flags)
{
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	(void)flags;
	if (fd >= 0 && setsockopt(fd, SOL_SOCKET, SO_RCVLOWAT, &pid, sizeof(pid)) == 0)
		return fd;
	if (fd >= 0)
		(void)close(fd);
	return -1;
}

/* The process that a descriptor stands for, or 0. */
static pid_t
process_of(int fd)
{
	int type = 0, pid = 0;
	socklen_t n = sizeof(type);

	if (fd < 0 || getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &n) != 0 ||
		type != SOCK_DGRAM ||
		getsockopt(fd, SOL_SOCKET, SO_RCVLOWAT, &pid, &n) != 0)
		return 0;
	return pid > 1 ? pid : 0;
}

/* Mark those whose process has ended; how many these are. */
static int
mark_ended(struct pollfd *fds, nfds_t n, const pid_t *processes)
{
	int found = 0;

	for (nfds_t i = 0; i < n; i++) {
		siginfo_t info = {.si_pid = 0};

		if (processes[i] == 0 ||
			waitid(P_PID, (id_t)processes[i], &info,
				WEXITED | WNOWAIT | WNOHANG) != 0 ||
			info.si_pid == 0)
			continue;
		fds[i].revents = POLLIN;
		found++;
	}
	return found;
}

static long
milliseconds(void)
{
	struct timespec now = {0};

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static int
poll_slowly(struct pollfd *fds, nfds_t n, int timeout, const pid_t *processes)
{
	const long end = milliseconds() + timeout;

	for (;;) {
		int ready = __real_poll(fds, n, POLL_MS);

		if (ready >= 0)
			ready += mark_ended(fds, n, processes);
		if (ready != 0 || (timeout >= 0 && milliseconds() >= end))
			return ready;
	}
}

/*
 * Where processes are waited for, look at them every few milliseconds.  Instructions that
 * are counted are those of pop3d, however often that is.
 */
int
__wrap_poll(struct pollfd *fds, nfds_t n, int timeout)
{
	pid_t processes[WATCHED_MAX];
	bool any = false;
	int ready;

	for (nfds_t i = 0; i < n && n <= WATCHED_MAX; i++) {
		processes[i] = process_of(fds[i].fd);
		any = any || processes[i] != 0;
	}
	if (!any)
		return __real_poll(fds, n, timeout);
	CALLGRIND_TOGGLE_COLLECT;
	ready = poll_slowly(fds, n, timeout, processes);
	CALLGRIND_TOGGLE_COLLECT;
	return ready;
}
