/*
 * Writes the seccomp filters of the roles as initialisers of struct sock_filter arrays.
 * Run when pop3d is built, so that a connection pays for one system call and no library:
 *
 *	sandbox_generate [ARCHITECTURE]     by libseccomp's name; default: this machine's
 *
 * Each filter refuses calls of another architecture's (or x32's) numbers.  A pointer
 * cannot be followed by a filter: only arguments that are numbers are looked at.  Those
 * have the values of this machine, which all of Debian's but mips and hppa share.
 */
#include <byteswap.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <sched.h>
#include <seccomp.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

/* What pthread_create() asks of clone(2); musl adds CLONE_DETACHED, which means nothing.
 */
#define THREAD                                                                           \
	(CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SYSVSEM | CLONE_SIGHAND |             \
		CLONE_THREAD | CLONE_SETTLS | CLONE_PARENT_SETTID |                      \
		CLONE_CHILD_CLEARTID)
#define PID_MOST 4194304 /* PID_MAX_LIMIT; below 0 are groups */

/* Where no process but itself can be reached; memory, time, and what libc does alone. */
static const int basic_calls[] = {SCMP_SYS(read), SCMP_SYS(write), SCMP_SYS(readv),
	SCMP_SYS(writev), SCMP_SYS(close), SCMP_SYS(recvfrom), SCMP_SYS(recvmsg),
	SCMP_SYS(recv), SCMP_SYS(sendmsg), SCMP_SYS(shutdown), SCMP_SYS(poll),
	SCMP_SYS(ppoll), SCMP_SYS(ppoll_time64), SCMP_SYS(brk), SCMP_SYS(munmap),
	SCMP_SYS(mremap), SCMP_SYS(madvise), SCMP_SYS(futex), SCMP_SYS(futex_time64),
	SCMP_SYS(clock_gettime), SCMP_SYS(clock_gettime64), SCMP_SYS(gettimeofday),
	SCMP_SYS(time), SCMP_SYS(getpid), SCMP_SYS(gettid), SCMP_SYS(getrandom),
	SCMP_SYS(restart_syscall), SCMP_SYS(rt_sigprocmask), SCMP_SYS(rt_sigreturn),
	SCMP_SYS(sigreturn), SCMP_SYS(exit), SCMP_SYS(exit_group), 0};

/* OpenSSL asks who it is, and qsort() how much memory there is. */
static const int relay_calls[] = {SCMP_SYS(getuid), SCMP_SYS(geteuid), SCMP_SYS(getgid),
	SCMP_SYS(getegid), SCMP_SYS(getuid32), SCMP_SYS(geteuid32), SCMP_SYS(getgid32),
	SCMP_SYS(getegid32), SCMP_SYS(sysinfo), 0};

/* Files: which ones is Landlock's business. */
static const int file_calls[] = {SCMP_SYS(open), SCMP_SYS(openat), SCMP_SYS(stat),
	SCMP_SYS(stat64), SCMP_SYS(lstat), SCMP_SYS(lstat64), SCMP_SYS(fstat),
	SCMP_SYS(fstat64), SCMP_SYS(newfstatat), SCMP_SYS(fstatat64), SCMP_SYS(statx),
	SCMP_SYS(statfs), SCMP_SYS(statfs64), SCMP_SYS(fstatfs), SCMP_SYS(fstatfs64),
	SCMP_SYS(access), SCMP_SYS(faccessat), SCMP_SYS(faccessat2), SCMP_SYS(readlink),
	SCMP_SYS(readlinkat), SCMP_SYS(getdents), SCMP_SYS(getdents64), SCMP_SYS(lseek),
	SCMP_SYS(_llseek), SCMP_SYS(pread64), SCMP_SYS(pwrite64), SCMP_SYS(fadvise64),
	SCMP_SYS(fadvise64_64), SCMP_SYS(arm_fadvise64_64), SCMP_SYS(sendfile),
	SCMP_SYS(sendfile64), SCMP_SYS(fsync), SCMP_SYS(fdatasync), SCMP_SYS(ftruncate),
	SCMP_SYS(ftruncate64), SCMP_SYS(fallocate), SCMP_SYS(flock), SCMP_SYS(linkat),
	SCMP_SYS(unlink), SCMP_SYS(unlinkat), SCMP_SYS(rename), SCMP_SYS(renameat),
	SCMP_SYS(renameat2), SCMP_SYS(fchmod), SCMP_SYS(utimensat),
	SCMP_SYS(utimensat_time64), 0};

/* Threads and signals of its own, a relay to wait for, and what libc likes to know. */
static const int session_calls[] = {SCMP_SYS(nanosleep), SCMP_SYS(clock_nanosleep),
	SCMP_SYS(clock_nanosleep_time64), SCMP_SYS(rt_sigaction), SCMP_SYS(sigaltstack),
	SCMP_SYS(set_robust_list), SCMP_SYS(rseq), SCMP_SYS(sched_yield),
	SCMP_SYS(sched_getaffinity), SCMP_SYS(wait4), SCMP_SYS(waitid), SCMP_SYS(waitpid),
	SCMP_SYS(pidfd_open), SCMP_SYS(getppid), SCMP_SYS(getrlimit),
	SCMP_SYS(ugetrlimit), SCMP_SYS(uname), 0};

static const int *const front_lists[] = {basic_calls, NULL};
static const int *const relay_lists[] = {basic_calls, relay_calls, NULL};
static const int *const session_lists[] = {
	basic_calls, relay_calls, file_calls, session_calls, NULL};

/* A call that depends on one number among its arguments. */
struct condition {
	int call;
	struct scmp_arg_cmp argument;
};

/* argument & mask == value; argument is 64 bits wide, hence each mask says so. */
#define MASKED(i, mask, value)                                                           \
	{                                                                                \
		(i), SCMP_CMP_MASKED_EQ, (mask), (value)                                 \
	}
#define EQUAL(i, value)                                                                  \
	{                                                                                \
		(i), SCMP_CMP_EQ, (scmp_datum_t)(value), 0                               \
	}

/* No page that was written to can be run; nothing is sent to who has no end here. */
static const struct condition basic_conditions[] = {
	{SCMP_SYS(mmap), MASKED(2, PROT_EXEC, 0)},
	{SCMP_SYS(mmap2), MASKED(2, PROT_EXEC, 0)},
	{SCMP_SYS(mprotect), MASKED(2, PROT_EXEC, 0)},
	{SCMP_SYS(sendto), EQUAL(4, 0)},
	{SCMP_SYS(fcntl), EQUAL(1, F_GETFL)},
	{SCMP_SYS(fcntl), EQUAL(1, F_SETFL)},
	{SCMP_SYS(fcntl64), EQUAL(1, F_GETFL)},
	{SCMP_SYS(fcntl64), EQUAL(1, F_SETFL)},
	{0, EQUAL(0, 0)},
};

/* F_SETOWN and its kin, which aim signals, are missing on purpose. */
static const int session_fcntl[] = {F_DUPFD_CLOEXEC, F_GETFD, F_SETFD, F_OFD_SETLK};

static const struct condition session_conditions[] = {
	{SCMP_SYS(clone), MASKED(0, ~(scmp_datum_t)CLONE_DETACHED, THREAD)},
	/* Reading a limit. */
	{SCMP_SYS(prlimit64), EQUAL(2, 0)},
	{0, EQUAL(0, 0)},
};

/* A call that this architecture does not have needs no rule. */
static bool
add(scmp_filter_ctx filter, int call, const struct scmp_arg_cmp *arguments, unsigned n)
{
	int error = seccomp_rule_add_array(filter, SCMP_ACT_ALLOW, call, n, arguments);

	if (error == 0 || error == -EDOM)
		return true;
	(void)fprintf(stderr, "sandbox_generate: call %d: %s\n", call, strerror(-error));
	return false;
}

static bool
add_lists(scmp_filter_ctx filter, const int *const *lists)
{
	bool good = true;

	/* Number 0 is a call on some architectures, but one that stands first. */
	for (; *lists != NULL; lists++)
		for (const int *call = *lists; call == *lists || *call != 0; call++)
			good = add(filter, *call, NULL, 0) && good;
	return good;
}

static bool
add_conditions(scmp_filter_ctx filter, const struct condition *c)
{
	bool good = true;

	for (; c->call != 0; c++)
		good = add(filter, c->call, &c->argument, 1) && good;
	return good;
}

static bool
add_session(scmp_filter_ctx filter)
{
	/* Whether one process is there, for a dotlock that names it. */
	const struct scmp_arg_cmp probe[] = {{0, SCMP_CMP_LE, PID_MOST, 0}, EQUAL(1, 0)};
	bool good = add_conditions(filter, session_conditions) &&
		    add(filter, SCMP_SYS(kill), probe, 2);

	for (size_t i = 0; i < sizeof session_fcntl / sizeof session_fcntl[0]; i++) {
		const struct scmp_arg_cmp command = EQUAL(1, session_fcntl[i]);

		good = add(filter, SCMP_SYS(fcntl), &command, 1) &&
		       add(filter, SCMP_SYS(fcntl64), &command, 1) && good;
	}
	return good;
}

/* The name of an architecture, or NULL for that of this machine. */
static scmp_filter_ctx
make(const char *architecture, uint32_t otherwise)
{
	scmp_filter_ctx filter = seccomp_init(otherwise);
	uint32_t other = architecture != NULL ? seccomp_arch_resolve_name(architecture)
					      : seccomp_arch_native();

	if (filter == NULL || other == 0)
		return NULL;
	/* In this order: of one filter all architectures have the same byte order. */
	if (other != seccomp_arch_native() &&
		(seccomp_arch_remove(filter, SCMP_ARCH_NATIVE) != 0 ||
			seccomp_arch_add(filter, other) != 0))
		return NULL;
	/* A tree of comparisons: a long list is then no slower than a short one. */
	if (seccomp_attr_set(filter, SCMP_FLTATR_ACT_BADARCH, otherwise) != 0 ||
		seccomp_attr_set(filter, SCMP_FLTATR_CTL_OPTIMIZE, 2) != 0)
		return NULL;
	return filter;
}

/* libseccomp writes the target's byte order; every filter begins with a load (0x20). */
static bool
print(scmp_filter_ctx filter, const char *name)
{
	struct sock_filter instruction;
	FILE *file = tmpfile();
	bool swapped = false, first = true;

	if (file == NULL || seccomp_export_bpf(filter, fileno(file)) != 0)
		return false;
	rewind(file);
	(void)printf("static const struct sock_filter filter_%s[] = {\n", name);
	while (fread(&instruction, sizeof instruction, 1, file) == 1) {
		if (first)
			swapped = instruction.code != (BPF_LD | BPF_W | BPF_ABS);
		first = false;
		(void)printf("\t{0x%02x, %u, %u, 0x%08x},\n",
			swapped ? bswap_16(instruction.code) : instruction.code,
			instruction.jt, instruction.jf,
			swapped ? bswap_32(instruction.k) : instruction.k);
	}
	(void)printf("};\n");
	return fclose(file) == 0 && !first;
}

int
main(int argc, char **argv)
{
	/*
	 * The session's surprises are told that there is no such call (ENOSYS), after
	 * which libc does it another way: none can kill it in the middle of a rewrite.
	 */
	static const struct {
		const char *name;
		uint32_t otherwise;
		const int *const *lists;
	} roles[] = {
		{"front", SCMP_ACT_KILL_PROCESS, front_lists},
		{"relay", SCMP_ACT_KILL_PROCESS, relay_lists},
		{"key", SCMP_ACT_KILL_PROCESS, relay_lists},
		{"session", SCMP_ACT_ERRNO(ENOSYS), session_lists},
	};
	bool good = argc <= 2;

	for (size_t i = 0; i < sizeof roles / sizeof roles[0] && good; i++) {
		scmp_filter_ctx filter =
			make(argc > 1 ? argv[1] : NULL, roles[i].otherwise);

		good = filter != NULL && add_lists(filter, roles[i].lists) &&
		       add_conditions(filter, basic_conditions);
		if (good && roles[i].lists == session_lists)
			good = add_session(filter);
		good = good && print(filter, roles[i].name);
		seccomp_release(filter);
	}
	if (!good)
		(void)fprintf(stderr, "sandbox_generate: no filters were made\n");
	return good && fflush(stdout) == 0 ? 0 : 1;
}
