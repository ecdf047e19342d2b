#include "pop3d/child.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "pop3d/clock.h"
#include "pop3d/log.h"

#define FINISH_MS 500

bool
child_crashed(int status)
{
	if (!WIFSIGNALED(status))
		return false;
	switch (WTERMSIG(status)) {
	case SIGSEGV:
	case SIGBUS:
	case SIGILL:
	case SIGFPE:
	case SIGABRT:
	case SIGSYS:
	case SIGTRAP:
		return true;
	default:
		return false;
	}
}

static int
wait_for(pid_t pid)
{
	int status = 0;
	pid_t got;

	do
		got = waitpid(pid, &status, 0);
	while (got < 0 && errno == EINTR);
	return got == pid ? status : 0;
}

/* A dead leader that nobody has waited for keeps the number of its group from others. */
static int
end(pid_t pid, bool leader)
{
	siginfo_t info;
	int ended;

	if (pid <= 0)
		return 0;
	(void)kill(pid, SIGKILL);
	do
		ended = waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT);
	while (ended < 0 && errno == EINTR);
	if (leader && ended == 0)
		(void)kill(-pid, SIGKILL);
	return wait_for(pid);
}

/* True if it has ended by the deadline, and can be waited for. */
static bool
has_ended(pid_t pid, int64_t deadline)
{
	struct pollfd p = {.fd = pidfd_open(pid, 0), .events = POLLIN};
	int ready;

	do
		ready = p.fd < 0 ? 0 : poll(&p, 1, clock_left(deadline));
	while (ready < 0 && errno == EINTR);
	if (p.fd >= 0)
		(void)close(p.fd);
	return ready > 0;
}

static int
finish(pid_t pid, bool leader)
{
	if (pid <= 0)
		return 0;
	if (has_ended(pid, clock_now() + FINISH_MS))
		return end(pid, leader);
	(void)end(pid, leader);
	return 0;
}

int
child_await(pid_t pid, int64_t deadline)
{
	return has_ended(pid, deadline) ? wait_for(pid) : 0;
}

int
child_end(pid_t pid)
{
	return end(pid, false);
}

int
child_finish(pid_t pid)
{
	return finish(pid, false);
}

int
child_end_group(pid_t pid)
{
	return end(pid, true);
}

int
child_finish_group(pid_t pid)
{
	return finish(pid, true);
}

bool
child_report(const char *role, int status)
{
	struct log_line line;

	if (!WIFSIGNALED(status))
		return false;
	log_begin(&line, "crash");
	log_text(&line, "role", role);
	log_number(&line, "signal", (uint64_t)WTERMSIG(status));
	log_end(&line, LOG_ERR);
	return child_crashed(status);
}
