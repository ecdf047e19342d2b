/*
 * without seccomp|landlock PROGRAM ARGUMENT...: runs a program as on a kernel that does
 * not have this (ENOSYS).
 */
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

static bool
deny(unsigned call)
{
	struct sock_filter filter[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, call, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	const struct sock_fprog program = {sizeof(filter) / sizeof(filter[0]), filter};

	return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program, 0, 0) == 0;
}

int
main(int argc, char **argv)
{
	bool done = false;

	if (argc > 2 && strcmp(argv[1], "seccomp") == 0)
		done = deny(SYS_seccomp);
	else if (argc > 2 && strcmp(argv[1], "landlock") == 0)
		done = deny(SYS_landlock_create_ruleset);
	if (done)
		(void)execv(argv[2], argv + 2);
	perror("without");
	return 1;
}
