/*
 * What makes a program that tests its own sandbox: it is pop3d or pop3d-tls as it stands,
 * linked with --wrap=sandbox_filter, so that every role passes here when its last fence
 * stands.  The role that PROGRAM.probe names then makes one attempt to get out, writes
 * down there what came of it, and goes on.  The role "control" makes the attempt at the
 * start, without fences: it must succeed, or the test would prove nothing.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <netinet/in.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "pop3d/sandbox.h"

/* The file PROGRAM.probe; texts end with NUL. */
struct probe {
	char role[16]; /* as ps(1) shows it, or "control" */
	char attempt[32];
	char argument[256]; /* a path, a port or a pid */
	char result[64];    /* "tried", then "succeeded" or "failed ERRNO" */
};

static struct probe *probe;

enum sandbox_result probe_real(enum sandbox_role role) __asm__("__real_sandbox_filter");
enum sandbox_result probe_filter(enum sandbox_role role) __asm__("__wrap_sandbox_filter");

static int
number(void)
{
	return (int)strtol(probe->argument, NULL, 10);
}

static bool
keep_or_close(int fd)
{
	if (fd >= 0)
		(void)close(fd);
	return fd >= 0;
}

static bool
open_file(void)
{
	return keep_or_close(open(probe->argument, O_RDONLY));
}

static bool
open_memory(void)
{
	return keep_or_close(open("/proc/self/mem", O_RDWR));
}

static bool
create_file(void)
{
	return keep_or_close(open(probe->argument, O_WRONLY | O_CREAT, 0600));
}

/* Seen from outside: the file is there. */
static bool
execute(void)
{
	(void)execl("/bin/sh", "sh", "-c", ": >\"$0\"", probe->argument, (char *)NULL);
	return false;
}

static bool
make_socket(void)
{
	return keep_or_close(socket(AF_INET, SOCK_DGRAM, 0));
}

static bool
connect_tcp(void)
{
	const struct sockaddr_in sin = {.sin_family = AF_INET,
		.sin_port = htons((in_port_t)number()),
		.sin_addr = {htonl(INADDR_LOOPBACK)}};
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	return fd >= 0 && connect(fd, (const struct sockaddr *)&sin, sizeof(sin)) == 0;
}

static bool
connect_unix(void)
{
	struct sockaddr_un sun = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	(void)snprintf(sun.sun_path, sizeof(sun.sun_path), "%.100s", probe->argument);
	return fd >= 0 && connect(fd, (const struct sockaddr *)&sun, sizeof(sun)) == 0;
}

static bool
make_process(void)
{
	pid_t pid = fork();

	if (pid == 0)
		_exit(0);
	return pid > 0 && waitpid(pid, NULL, 0) == pid;
}

/* What is not stopped takes no notice of this signal. */
static bool
signal_parent(void)
{
	return kill(getppid(), SIGCONT) == 0;
}

static bool
signal_all(void)
{
	return kill(-1, 0) == 0;
}

static bool
signal_process(void)
{
	return kill(number(), SIGCONT) == 0;
}

static bool
trace(void)
{
	return ptrace(PTRACE_SEIZE, number(), NULL, NULL) == 0;
}

static bool
read_memory(void)
{
	char from[8] = "memory", to[8];
	const struct iovec local = {to, sizeof(to)}, remote = {from, sizeof(from)};

	return process_vm_readv(getpid(), &local, 1, &remote, 1, 0) > 0;
}

static bool
map_code(void)
{
	return mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC,
		       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) != MAP_FAILED;
}

static bool
make_code(void)
{
	void *page = mmap(
		NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return page != MAP_FAILED && mprotect(page, 4096, PROT_READ | PROT_EXEC) == 0;
}

static bool
become_root(void)
{
	return setuid(0) == 0;
}

static bool
make_namespace(void)
{
	return unshare(CLONE_NEWUTS) == 0;
}

/* What it holds already must not be aimed elsewhere: the client's stream. */
static bool
send_signals_by_descriptor(void)
{
	return fcntl(STDIN_FILENO, F_SETOWN, getpid()) == 0;
}

static bool
set_option(void)
{
	int on = 1;

	return setsockopt(STDIN_FILENO, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on)) == 0;
}

static bool
control_device(void)
{
	int n = 0;

	return ioctl(STDIN_FILENO, FIONREAD, &n) == 0;
}

/* A call by its number in x32, which a filter of numbers alone might not know. */
static bool
call_x32(void)
{
	return syscall(0x40000000 + SYS_getpid) > 0;
}

static const struct {
	const char *name;
	bool (*attempt)(void);
} attempts[] = {
	{"open", open_file},
	{"open_memory", open_memory},
	{"create", create_file},
	{"exec", execute},
	{"socket", make_socket},
	{"connect_tcp", connect_tcp},
	{"connect_unix", connect_unix},
	{"fork", make_process},
	{"kill_parent", signal_parent},
	{"kill_all", signal_all},
	{"kill", signal_process},
	{"ptrace", trace},
	{"vm_readv", read_memory},
	{"mmap_exec", map_code},
	{"mprotect_exec", make_code},
	{"setuid", become_root},
	{"unshare", make_namespace},
	{"setown", send_signals_by_descriptor},
	{"setsockopt", set_option},
	{"ioctl", control_device},
	{"x32", call_x32},
};

static void
attempt(void)
{
	(void)snprintf(probe->result, sizeof(probe->result), "tried");
	for (size_t i = 0; i < sizeof(attempts) / sizeof(attempts[0]); i++) {
		if (strcmp(attempts[i].name, probe->attempt) != 0)
			continue;
		errno = 0;
		if (attempts[i].attempt())
			(void)snprintf(probe->result, sizeof(probe->result), "succeeded");
		else
			(void)snprintf(
				probe->result, sizeof(probe->result), "failed %d", errno);
	}
}

/* Before the program's own start, which closes descriptors and hides this file later. */
__attribute__((constructor)) static void
begin(void)
{
	char path[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", path, sizeof(path) - sizeof(".probe"));
	void *file;
	int fd;

	if (n <= 0)
		return;
	memcpy(path + n, ".probe", sizeof(".probe"));
	fd = open(path, O_RDWR | O_CLOEXEC);
	if (fd < 0)
		return;
	file = mmap(NULL, sizeof(*probe), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	(void)close(fd);
	if (file == MAP_FAILED)
		return;
	probe = file;
	if (strcmp(probe->role, "control") != 0)
		return;
	attempt();
	_exit(0);
}

enum sandbox_result
probe_filter(enum sandbox_role role)
{
	char name[16] = "";
	enum sandbox_result result;

	(void)prctl(PR_GET_NAME, name, 0, 0, 0);
	result = probe_real(role);
	if (probe != NULL && strcmp(name, probe->role) == 0)
		attempt();
	return result;
}
