#include "pop3d/sandbox.h"

#include <fcntl.h>
#include <linux/landlock.h>
#include <sys/syscall.h>
#include <unistd.h>

/* What newer kernels know than the headers that pop3d may be built with. */
#define FS_REFER (UINT64_C(1) << 13)     /* level 2 */
#define FS_TRUNCATE (UINT64_C(1) << 14)  /* 3 */
#define FS_IOCTL_DEV (UINT64_C(1) << 15) /* 5 */
#define NET_TCP UINT64_C(3)              /* 4: bind and connect */
#define SCOPES UINT64_C(3)               /* 6: abstract sockets and signals */
#define FS_LEVEL_1 (FS_REFER - 1)

#define MAKE (LANDLOCK_ACCESS_FS_MAKE_REG | LANDLOCK_ACCESS_FS_REMOVE_FILE)

/* struct landlock_ruleset_attr as of level 6; older kernels take zeros at its end. */
struct ruleset {
	uint64_t fs, net, scoped;
};

int
sandbox_landlock_level(void)
{
	long level = syscall(
		SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);

	return level > 0 ? (int)level : 0;
}

enum sandbox_result
sandbox_files_begin(struct sandbox_files *files)
{
	const int level = sandbox_landlock_level();
	struct ruleset ruleset = {.fs = FS_LEVEL_1};

	*files = (struct sandbox_files){.fd = -1, .result = SANDBOX_MISSING};
	if (level == 0)
		return files->result;
	if (level >= 2)
		ruleset.fs |= FS_REFER;
	if (level >= 3)
		ruleset.fs |= FS_TRUNCATE;
	if (level >= 4)
		ruleset.net = NET_TCP;
	if (level >= 5)
		ruleset.fs |= FS_IOCTL_DEV;
	if (level >= 6)
		ruleset.scoped = SCOPES;
	files->handled = ruleset.fs;
	files->fd =
		(int)syscall(SYS_landlock_create_ruleset, &ruleset, sizeof(ruleset), 0);
	files->result = files->fd < 0 ? SANDBOX_FAILED : SANDBOX_HOLDS;
	return files->result;
}

static uint64_t
rights(unsigned access)
{
	uint64_t fs = 0;

	if (access & SANDBOX_LIST)
		fs |= LANDLOCK_ACCESS_FS_READ_DIR;
	if (access & SANDBOX_READ)
		fs |= LANDLOCK_ACCESS_FS_READ_FILE;
	if (access & SANDBOX_WRITE)
		fs |= LANDLOCK_ACCESS_FS_WRITE_FILE | FS_TRUNCATE;
	if (access & SANDBOX_MAKE)
		fs |= MAKE;
	if (access & SANDBOX_MOVE)
		fs |= MAKE | FS_REFER;
	return fs;
}

void
sandbox_files_allow(struct sandbox_files *files, const char *path, unsigned access)
{
	struct landlock_path_beneath_attr beneath = {0};

	if (files->result != SANDBOX_HOLDS)
		return;
	/* The first level lets nobody move files between directories. */
	if ((access & SANDBOX_MOVE) != 0 && (files->handled & FS_REFER) == 0) {
		files->result = SANDBOX_MISSING;
		return;
	}
	beneath.allowed_access = rights(access) & files->handled;
	beneath.parent_fd = open(path,
		O_PATH | O_CLOEXEC | ((access & SANDBOX_LIST) != 0 ? O_DIRECTORY : 0));
	/* What cannot be reached now could not be without this fence either. */
	if (beneath.parent_fd < 0)
		return;
	if (syscall(SYS_landlock_add_rule, files->fd, LANDLOCK_RULE_PATH_BENEATH,
		    &beneath, 0) != 0)
		files->result = SANDBOX_FAILED;
	(void)close(beneath.parent_fd);
}

enum sandbox_result
sandbox_files_end(struct sandbox_files *files)
{
	if (files->result == SANDBOX_HOLDS &&
		syscall(SYS_landlock_restrict_self, files->fd, 0) != 0)
		files->result = SANDBOX_FAILED;
	if (files->fd >= 0)
		(void)close(files->fd);
	files->fd = -1;
	return files->result;
}
