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
limit_memory(unsigned megabytes)
{
#ifdef POP3D_SANITIZED
	(void)megabytes;
	return true;
#else
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
sandbox_confine(unsigned descriptors, unsigned megabytes)
{
	return limit(RLIMIT_NPROC, 0) && limit(RLIMIT_NOFILE, descriptors) &&
	       limit_memory(megabytes);
}
