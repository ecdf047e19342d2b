/*
 * What is linked into the programs whose instructions are counted, beside what valgrind
 * needs: the count of a process begins at its fork, and nothing depends on how long
 * something takes.
 *
 * The linker is told --wrap for clock_gettime and fork, too.
 */
#include <time.h>
#include <unistd.h>

#include <valgrind/callgrind.h>

#define START 100000
#define STEP_NS 1000

/* The names are those of the linker. */
/* NOLINTBEGIN(bugprone-reserved-identifier,cert-dcl37-c,cert-dcl51-cpp) */
int __wrap_clock_gettime(clockid_t clock, struct timespec *now);
int __real_clock_gettime(clockid_t clock, struct timespec *now);
pid_t __wrap_fork(void);
pid_t __real_fork(void);
/* NOLINTEND(bugprone-reserved-identifier,cert-dcl37-c,cert-dcl51-cpp) */

/* The clock by which durations are measured moves when it is looked at, and only then. */
int
__wrap_clock_gettime(clockid_t clock, struct timespec *now)
{
	static long looks;

	if (clock != CLOCK_MONOTONIC)
		return __real_clock_gettime(clock, now);
	looks++;
	now->tv_sec = START + looks * STEP_NS / 1000000000;
	now->tv_nsec = looks * STEP_NS % 1000000000;
	return 0;
}

pid_t
__wrap_fork(void)
{
	pid_t pid = __real_fork();

	if (pid == 0)
		CALLGRIND_ZERO_STATS;
	return pid;
}
