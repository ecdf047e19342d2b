#include "tests/crash/intercept_filter.h"

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "tests/crash/intercept_calls.h"

int
filter_install(void)
{
	const size_t size = 2 * (size_t)file_call_count + 8;
	struct sock_filter *code = calloc(size, sizeof *code), *p = code;
	const struct sock_filter load_number =
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr));
	const struct sock_filter hand_over =
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_USER_NOTIF);
	struct sock_fprog program;

	if (code == NULL)
		return -1;
	*p++ = load_number;
	for (unsigned i = 0; i < file_call_count; i++) {
		*p++ = (struct sock_filter)BPF_JUMP(
			BPF_JMP | BPF_JEQ | BPF_K, (unsigned)file_calls[i].number, 0, 1);
		*p++ = hand_over;
	}
	*p++ = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_prctl, 0, 3);
	*p++ = (struct sock_filter)BPF_STMT(
		BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[0]));
	*p++ = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, PR_SET_NAME, 0, 1);
	*p++ = hand_over;
	*p++ = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
	program = (struct sock_fprog){(unsigned short)(p - code), code};
	return (int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER,
		SECCOMP_FILTER_FLAG_NEW_LISTENER, &program);
}

union control {
	struct cmsghdr header;
	char space[CMSG_SPACE(sizeof(int))];
};

bool
filter_pass(int sock, int *fd, bool send)
{
	union control control = {0};
	char byte = 0;
	struct iovec text = {&byte, 1};
	struct msghdr message = {.msg_iov = &text,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof control};

	control.header = (struct cmsghdr){CMSG_LEN(sizeof *fd), SOL_SOCKET, SCM_RIGHTS};
	if (send) {
		memcpy(CMSG_DATA(&control.header), fd, sizeof *fd);
		return sendmsg(sock, &message, 0) == 1;
	}
	if (recvmsg(sock, &message, MSG_CMSG_CLOEXEC) != 1)
		return false;
	memcpy(fd, CMSG_DATA(&control.header), sizeof *fd);
	return true;
}
