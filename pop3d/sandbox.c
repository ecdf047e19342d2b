#include "pop3d/sandbox.h"

#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

static bool
limit(__rlimit_resource_t resource, rlim_t value)
{
	struct rlimit now, new = {value, value};

	/* An administrator's lower limit stays. */
	if (getrlimit(resource, &now) != 0)
		return false;
	if (now.rlim_max != RLIM_INFINITY && now.rlim_max < value)
		new.rlim_cur = new.rlim_max = now.rlim_max;
	return setrlimit(resource, &new) == 0;
}

/* A sanitizer maps terabytes of shadow memory: its build lives without this limit. */
static bool
limit_memory(uint64_t megabytes)
{
#ifdef POP3D_SANITIZED
	(void)megabytes;
	return true;
#else
	/* A process of 32 bits cannot have that much anyway. */
	if (megabytes == 0 || megabytes >= RLIM_INFINITY >> 20)
		return true;
	return limit(RLIMIT_AS, (rlim_t)megabytes << 20);
#endif
}

bool
sandbox_common(void)
{
	(void)umask(077);
	return limit(RLIMIT_CORE, 0) && prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) == 0;
}

bool
sandbox_no_new_privileges(void)
{
	return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0;
}

bool
sandbox_die_with(pid_t parent)
{
	return prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) == 0 && getppid() == parent;
}

bool
sandbox_outlive_parent(void)
{
	return prctl(PR_SET_PDEATHSIG, 0, 0, 0, 0) == 0;
}

bool
sandbox_limit(unsigned descriptors, uint64_t megabytes)
{
	return limit(RLIMIT_NOFILE, descriptors) && limit_memory(megabytes);
}

bool
sandbox_limit_processes(void)
{
	return limit(RLIMIT_NPROC, 0);
}

const char *
sandbox_lacks(void)
{
	/* The first level would bar a session from moving a message from new to cur. */
	bool landlock = sandbox_landlock_level() >= 2;

	if (sandbox_has_filters())
		return landlock ? NULL : "Landlock of level 2";
	return landlock ? "seccomp filters" : "seccomp filters and Landlock of level 2";
}
