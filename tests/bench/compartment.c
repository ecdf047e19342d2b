#include "tests/bench/compartment.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/filter.h>
#include <linux/landlock.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* Leave a ruleset one path. */
static bool
allow(int ruleset, const char *path)
{
	struct landlock_path_beneath_attr beneath = {
		.allowed_access =
			LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_WRITE_FILE,
		.parent_fd = open(path, O_PATH | O_CLOEXEC)};

	return beneath.parent_fd >= 0 &&
	       syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH,
		       &beneath, 0) == 0 &&
	       close(beneath.parent_fd) == 0;
}

static bool
bar_files(const char *allowed)
{
	struct landlock_ruleset_attr all = {
		.handled_access_fs = (LANDLOCK_ACCESS_FS_MAKE_SYM << 1) - 1};
	long fd = syscall(SYS_landlock_create_ruleset, &all, sizeof(all), 0);

	/* A kernel without it has a lower floor. */
	return fd < 0 || ((allowed == NULL || allow((int)fd, allowed)) &&
				 syscall(SYS_landlock_restrict_self, fd, 0) == 0 &&
				 close((int)fd) == 0);
}

static bool
bar_calls(void)
{
	static struct sock_filter all[] = {BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)};
	static const struct sock_fprog filter = {1, all};

	return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &filter) == 0;
}

bool
compartment_become(uid_t uid, const char *directory)
{
	if (directory != NULL && (chdir(directory) != 0 || chroot(".") != 0))
		return false;
	return setgroups(0, NULL) == 0 && setresgid(uid, uid, uid) == 0 &&
	       setresuid(uid, uid, uid) == 0 &&
	       prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0;
}

bool
compartment_confine(uid_t uid, const char *directory, const char *allowed)
{
	const struct rlimit none = {0, 0};

	return compartment_become(uid, directory) && bar_files(allowed) &&
	       setrlimit(RLIMIT_CORE, &none) == 0 && bar_calls();
}

/* What loads a library holds no stream, and is barred from less. */
static bool
visit(int parent, uid_t uid, const char *directory, const char *library)
{
	bool confined;

	if (library != NULL && dlopen(library, RTLD_NOW | RTLD_LOCAL) == NULL)
		return false;
	confined = library != NULL ? compartment_become(uid, directory)
				   : compartment_confine(uid, directory, NULL);
	return confined && write(parent, "x", 1) == 1;
}

bool
compartment_visit(uid_t uid, const char *directory, const char *library)
{
	int pair[2], status = 1;
	char word = 0;
	pid_t pid;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0)
		return false;
	pid = fork();
	if (pid == 0)
		_exit(visit(pair[1], uid, directory, library) ? 0 : 1);
	(void)close(pair[1]);
	if (pid < 0 || read(pair[0], &word, 1) != 1)
		word = 0;
	(void)close(pair[0]);
	return waitpid(pid, &status, 0) == pid && status == 0 && word == 'x';
}
