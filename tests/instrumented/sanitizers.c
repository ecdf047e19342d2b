/*
 * What is linked into the programs and modules of the instrumented build: the options of
 * the sanitizers, which no environment hands on, and what their reports need that the
 * roles give up: files, a thread, memory, a few descriptors.
 *
 * REPORTS: the directory that the reports go to, writable by everybody.  The linker is
 * told --wrap for chroot, setrlimit, syscall and _exit.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <sanitizer/lsan_interface.h>

#ifndef REPORTS
#define REPORTS "."
#endif

#define SPARE_DESCRIPTORS 16u

/* The names are those of the linker and of the sanitizers. */
/* NOLINTBEGIN(bugprone-reserved-identifier,cert-dcl37-c,cert-dcl51-cpp) */
const char *__asan_default_options(void);
int __wrap_chroot(const char *path);
int __wrap_setrlimit(__rlimit_resource_t resource, const struct rlimit *limit);
int __real_setrlimit(__rlimit_resource_t resource, const struct rlimit *limit);
long __wrap_syscall(long number, ...);
long __real_syscall(long number, ...);
_Noreturn void __wrap__exit(int status);
_Noreturn void __real__exit(int status);
/* NOLINTEND(bugprone-reserved-identifier,cert-dcl37-c,cert-dcl51-cpp) */

const char *
__asan_default_options(void)
{
	/* Tests send SIGSEGV and look at what comes of it: it stays what it is. */
	return "abort_on_error=1:disable_coredump=1:detect_leaks=1:handle_segv=0:"
	       "log_path=" REPORTS "/report";
}

/* The search for leaks stops the process as a debugger does, which cannot be done twice.
 */
int
__lsan_is_turned_off(void)
{
	FILE *status = fopen("/proc/self/status", "re");
	char line[128];
	int tracer = 0;

	if (status == NULL)
		return 0;
	while (tracer == 0 && fgets(line, sizeof(line), status) != NULL)
		if (strncmp(line, "TracerPid:", 10) == 0)
			tracer = (int)strtol(line + 10, NULL, 10);
	(void)fclose(status);
	return tracer != 0;
}

/*
 * Roles that end without the handlers of exit() are searched for leaks, too; not so the
 * hundreds of children that the unit tests make, of which each has all that is theirs.
 */
_Noreturn void
__wrap__exit(int status)
{
	if (strcmp(program_invocation_short_name, "unit") != 0)
		__lsan_do_leak_check();
	__real__exit(status);
}

/* All roles see the files: /proc, the report's, and those that hold the names in it. */
int
__wrap_chroot(const char *path)
{
	(void)path;
	return 0;
}

int
__wrap_setrlimit(__rlimit_resource_t resource, const struct rlimit *limit)
{
	struct rlimit now, more = *limit;

	if (resource == RLIMIT_AS || resource == RLIMIT_NPROC)
		return 0;
	if (resource == RLIMIT_NOFILE && more.rlim_cur < 1024 &&
		getrlimit(RLIMIT_NOFILE, &now) == 0) {
		more.rlim_cur += SPARE_DESCRIPTORS;
		/* Some roles may raise no limit. */
		if (more.rlim_cur > now.rlim_max)
			more.rlim_cur = now.rlim_max;
		if (more.rlim_max < more.rlim_cur)
			more.rlim_max = more.rlim_cur;
	}
	return __real_setrlimit(resource, &more);
}

/* Landlock would bar the way to the files: rules are made, and not enforced. */
long
__wrap_syscall(long number, ...)
{
	va_list list;
	long a[6];

	va_start(list, number);
	for (size_t i = 0; i < 6; i++)
		a[i] = va_arg(list, long);
	va_end(list);
	if (number == SYS_landlock_restrict_self)
		return 0;
	return __real_syscall(number, a[0], a[1], a[2], a[3], a[4], a[5]);
}
