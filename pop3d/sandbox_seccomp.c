#include "pop3d/sandbox.h"

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "pop3d/sandbox_filters.inc"

#define FILTER(name)                                                                     \
	{                                                                                \
		sizeof(filter_##name) / sizeof(filter_##name[0]),                        \
			(struct sock_filter *)(uintptr_t)filter_##name                   \
	}

bool
sandbox_has_filters(void)
{
	const uint32_t action = SECCOMP_RET_KILL_PROCESS;

	return syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, &action) == 0;
}

enum sandbox_result
sandbox_filter(enum sandbox_role role)
{
	static const struct sock_fprog filters[] = {
		[SANDBOX_FRONT] = FILTER(front),
		[SANDBOX_RELAY] = FILTER(relay),
		[SANDBOX_KEY] = FILTER(key),
		[SANDBOX_SESSION] = FILTER(session),
	};

#ifdef POP3D_SANITIZED
	/* A sanitizer makes calls of its own, and so does valgrind. */
	(void)filters;
	(void)role;
	return SANDBOX_MISSING;
#else
	if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &filters[role]) == 0)
		return SANDBOX_HOLDS;
	return sandbox_has_filters() ? SANDBOX_FAILED : SANDBOX_MISSING;
#endif
}
