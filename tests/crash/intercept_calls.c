#include "tests/crash/intercept_calls.h"

#include <stddef.h>
#include <sys/syscall.h>

#define FD(name)                                                                         \
	{                                                                                \
#name, SYS_##name, TARGET_FD                                             \
	}
#define AT(name)                                                                         \
	{                                                                                \
#name, SYS_##name, TARGET_AT                                             \
	}
#define PATH(name)                                                                       \
	{                                                                                \
#name, SYS_##name, TARGET_PATH                                           \
	}

const struct file_call file_calls[] = {
	FD(read),
	FD(write),
	FD(pread64),
	FD(pwrite64),
	FD(readv),
	FD(writev),
	FD(preadv),
	FD(pwritev),
	FD(preadv2),
	FD(pwritev2),
	FD(close),
	FD(fstat),
	FD(lseek),
	FD(fcntl),
	FD(flock),
	FD(fsync),
	FD(fdatasync),
	FD(sync_file_range),
	FD(syncfs),
	FD(ftruncate),
	FD(fallocate),
	FD(fadvise64),
	FD(getdents64),
	FD(sendfile),
	FD(copy_file_range),
	FD(fchdir),
	FD(fchmod),
	FD(fchown),
	FD(fstatfs),
	FD(fgetxattr),
	FD(fsetxattr),
	FD(flistxattr),
	FD(ioctl),
	AT(openat),
	AT(openat2),
	AT(newfstatat),
	AT(statx),
	AT(faccessat),
	AT(faccessat2),
	AT(readlinkat),
	AT(unlinkat),
	AT(renameat),
	AT(renameat2),
	AT(linkat),
	AT(mkdirat),
	AT(mknodat),
	AT(fchmodat),
	AT(fchownat),
	AT(utimensat),
	PATH(truncate),
	PATH(chdir),
	PATH(statfs),
	PATH(symlinkat),
	PATH(getxattr),
	PATH(lgetxattr),
	PATH(setxattr),
	PATH(lsetxattr),
/* Newer machines have only the variants that take a directory. */
#ifdef SYS_open
	FD(getdents),
	PATH(open),
	PATH(creat),
	PATH(stat),
	PATH(lstat),
	PATH(access),
	PATH(readlink),
	PATH(unlink),
	PATH(rmdir),
	PATH(rename),
	PATH(link),
	PATH(symlink),
	PATH(mkdir),
	PATH(mknod),
	PATH(chmod),
	PATH(chown),
	PATH(lchown),
	PATH(utime),
	PATH(utimes),
#endif
};
const unsigned file_call_count = sizeof file_calls / sizeof file_calls[0];

const struct file_call *
file_call_find(int number)
{
	for (size_t i = 0; i < file_call_count; i++)
		if (file_calls[i].number == number)
			return &file_calls[i];
	return NULL;
}
